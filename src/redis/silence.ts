import type { Clock } from '../core/clock.ts';

/** Notices when a server answers nothing any more, although it was asked something. */
export class Silence {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  /** The local instant of the first question since the last answer. */
  #since: number | undefined;

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  /** Whether it has lasted for as long as we wait for the answer to one command. */
  get isLong(): boolean {
    return this.#since !== undefined && this.#clock.now() >= this.#since + this.#patienceMs;
  }

  asked(instant: number): void {
    this.#since ??= instant;
  }

  end(): void {
    this.#since = undefined;
  }
}

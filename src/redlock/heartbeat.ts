import type { Alarm, Clock } from '../core/clock.ts';

/**
 * Asks now and then, while somebody waits. A server that is frozen says nothing, as does one whose lock is held for long;
 * a client that only waits there would not know the difference.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #beat: () => boolean;
  #alarm: Alarm | undefined;

  /** `beat` answers whether somebody still waits. */
  constructor(clock: Clock, intervalMs: number, beat: () => boolean) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#beat = beat;
  }

  /** Somebody waits from now on. */
  start(): void {
    this.#alarm ??= this.#clock.callAt(this.#clock.now() + this.#intervalMs, () => {
      this.#alarm = undefined;
      if (this.#beat()) this.start();
    });
  }

  stop(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }
}

import { type Clock, pause } from '../core/clock.ts';

/** Pauses that all end early when there is a reason to try again. */
export class Naps {
  readonly #clock: Clock;
  readonly #wakers = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Until `wake`, but no longer than `ms`. */
  async sleep(ms: number): Promise<void> {
    const nap = pause(this.#clock, ms);
    this.#wakers.add(nap.stop);
    await nap.done;
    this.#wakers.delete(nap.stop);
  }

  wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }
}

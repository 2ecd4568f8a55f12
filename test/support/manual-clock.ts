import type { Alarm, Clock } from '../../src/core/clock.ts';

// The real one, kept from the start: a test may put a fake in its place.
const { setImmediate: nextTurn } = globalThis;

/** As real timers do: what is due already comes a millisecond later, never at once. */
const SOONEST_MS = 1;

interface Armed {
  readonly instant: number;
  readonly task: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #armed = new Set<Armed>();
  #now: number;

  /** `start` is an arbitrary instant, so that nobody takes an instant for a duration. */
  constructor(start = 1_000_000) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** How many alarms are armed: none may be left when all is released, lost or closed. */
  get pending(): number {
    return this.#armed.size;
  }

  callAt(instant: number, task: () => void): Alarm {
    const armed = { instant: instant > this.#now ? instant : this.#now + SOONEST_MS, task };
    if (armed.instant !== Number.POSITIVE_INFINITY) this.#armed.add(armed);
    return { cancel: () => void this.#armed.delete(armed) };
  }

  /**
   * Lets `ms` pass: runs what falls due, in the order of the instants, each only when everything that follows from
   * what came before it has happened. With 0, only waits until all that can happen now has happened.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await quiet();
    for (let next = this.#earliest(end); next; next = this.#earliest(end)) {
      this.#now = Math.max(this.#now, next.instant);
      this.#armed.delete(next);
      next.task();
      await quiet();
    }
    this.#now = end;
  }

  /** Lets `ms` pass in which nothing runs, as when the process is stopped. What is overdue runs with `advance`. */
  stall(ms: number): void {
    this.#now += ms;
  }

  #earliest(end: number): Armed | undefined {
    let earliest: Armed | undefined;
    for (const armed of this.#armed) {
      if (armed.instant <= end && !(earliest && earliest.instant <= armed.instant)) earliest = armed;
    }
    return earliest;
  }
}

/** Resolves when no promise is left that could be settled without time passing. */
function quiet(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}

import { type Alarm, type Clock, pause } from '../core/clock.ts';
import { LockArgumentError } from '../errors.ts';

// The real one, kept from the start: a test may put a fake in its place.
const { setImmediate: nextTurn } = globalThis;

/** As real timers do: what is due already comes a millisecond later, never at once. */
const SOONEST_MS = 1;

interface Armed {
  readonly instant: number;
  readonly task: () => void;
  /** With real timers it would keep the process alive. */
  ref: boolean;
}

/** A clock that stands still until a test moves it: the only time there is for the locks of a test kit. */
export class ManualClock implements Clock {
  readonly #armed = new Set<Armed>();
  #now: number;

  /** `start` is an arbitrary instant, so that nobody takes an instant for a duration. */
  constructor(start = 1_000_000) {
    this.#now = start;
  }

  /** The instant it shows, in ms. Only differences mean anything. */
  now(): number {
    return this.#now;
  }

  /** How many alarms are armed that would keep a process alive: none may be left when all is released, lost or closed. */
  get pending(): number {
    return [...this.#armed].filter(({ ref }) => ref).length;
  }

  /** Calls `task` once, when the clock is moved to `instant` or beyond; never for Infinity. */
  callAt(instant: number, task: () => void): Alarm {
    const armed = { instant: instant > this.#now ? instant : this.#now + SOONEST_MS, task, ref: true };
    if (armed.instant !== Number.POSITIVE_INFINITY) this.#armed.add(armed);
    return {
      cancel: () => void this.#armed.delete(armed),
      ref: () => {
        armed.ref = true;
      },
      unref: () => {
        armed.ref = false;
      },
    };
  }

  /** Resolves when the clock has been moved by `ms` (0 or more): work that takes time. Rejects with `LockArgumentError`. */
  async sleep(ms: number): Promise<void> {
    await pause(this, checkMs(ms)).done;
  }

  /**
   * Lets `ms` (0 or more) pass: runs what falls due, in the order of the instants, each only when everything that follows
   * from what came before it has happened, as far as promises go: real timers and real I/O are not waited for. With 0,
   * only waits until all that can happen now has happened. Rejects with `LockArgumentError`.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + checkMs(ms);
    await quiet();
    for (let next = this.#earliest(end); next; next = this.#earliest(end)) {
      this.#now = Math.max(this.#now, next.instant);
      this.#armed.delete(next);
      next.task();
      await quiet();
    }
    this.#now = Math.max(this.#now, end);
  }

  /**
   * Lets `ms` (0 or more) pass in which nothing runs, as when the process is stopped. What is overdue runs with the next
   * `advance`. Throws `LockArgumentError`.
   */
  stall(ms: number): void {
    this.#now += checkMs(ms);
  }

  #earliest(end: number): Armed | undefined {
    let earliest: Armed | undefined;
    for (const armed of this.#armed) {
      if (armed.instant <= end && !(earliest && earliest.instant <= armed.instant)) earliest = armed;
    }
    return earliest;
  }
}

function checkMs(ms: number): number {
  if (typeof ms === 'number' && ms >= 0 && ms < Number.POSITIVE_INFINITY) return ms;
  throw new LockArgumentError('ms', ms, 'a finite number of 0 or more ms');
}

/** Resolves when no promise is left that could be settled without time passing. */
function quiet(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}

/** Cancels what was scheduled; harmless when it has already run. */
export interface Alarm {
  /** The task will not be called from now on. */
  cancel(): void;
  /** Keeps the process alive until it has run, as it does from the start. */
  ref(): void;
  /** Does not keep the process alive from now on. */
  unref(): void;
}

/** The time the whole library goes by. Instants are local: only their differences mean anything. */
export interface Clock {
  /** Milliseconds that never go back, and go on while the machine sleeps. */
  now(): number;
  /** Calls `task` once, as soon as `now()` has reached `instant`. Any distance will do; Infinity never comes. */
  callAt(instant: number, task: () => void): Alarm;
}

/** `setTimeout` fires at once for anything beyond this. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** A gap that the wall clock has to show over the monotonic one before we believe that the machine slept. */
const SLEEP_MS = 50;

/**
 * Elapsed time is the larger of what the monotonic and the wall clock say since the last look: the monotonic
 * clock of Linux stands still while the machine is suspended, and the wall clock may be set back.
 */
export class SystemClock implements Clock {
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  #slept = 0;
  #offset: number;

  constructor(monotonic: () => number = () => performance.now(), wall: () => number = () => Date.now()) {
    this.#monotonic = monotonic;
    this.#wall = wall;
    this.#offset = wall() - monotonic();
  }

  now(): number {
    const monotonic = this.#monotonic();
    const offset = this.#wall() - monotonic;
    const missing = offset - this.#offset;
    // Readings differ by a millisecond or so; following only larger gaps keeps that from adding up.
    if (missing > SLEEP_MS) this.#slept += missing;
    if (missing > SLEEP_MS || missing < 0) this.#offset = offset;
    return monotonic + this.#slept;
  }

  callAt(instant: number, task: () => void): Alarm {
    return new SystemAlarm(this, instant, task);
  }
}

class SystemAlarm implements Alarm {
  readonly #clock: Clock;
  readonly #instant: number;
  readonly #task: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock, instant: number, task: () => void) {
    this.#clock = clock;
    this.#instant = instant;
    this.#task = task;
    this.#arm(instant - clock.now());
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  ref(): void {
    this.#timer?.ref();
  }

  unref(): void {
    this.#timer?.unref();
  }

  #arm(distanceMs: number): void {
    if (distanceMs === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(Math.max(Math.ceil(distanceMs), 1), LONGEST_TIMER_MS);
    const idle = this.#timer?.hasRef() === false;
    this.#timer = setTimeout(() => this.#fire(), delay);
    if (idle) this.#timer.unref();
  }

  #fire(): void {
    // Node's timers may come a fraction of a millisecond early, and a long distance takes several.
    const left = this.#instant - this.#clock.now();
    if (left > 0) this.#arm(left);
    else this.#task();
  }
}

export const systemClock: Clock = new SystemClock();

/** Resolves after `ms`, or at once when `stop` is called on the returned handle. */
export function pause(clock: Clock, ms: number): { done: Promise<void>; stop(): void } {
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const alarm = clock.callAt(clock.now() + ms, finish);
  return {
    done,
    stop() {
      alarm.cancel();
      finish();
    },
  };
}

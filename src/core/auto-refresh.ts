import { LockBackendError, LockClosedError } from '../errors.ts';
import { backoffMs } from './backoff.ts';
import type { Alarm, Clock } from './clock.ts';
import { driftMs } from './deadline.ts';
import { warnOf } from './ignore.ts';

/** Of the time until the next refresh, how much chance may take away: spreads locks taken at the same time. */
const JITTER = 0.1;
const RETRY_BASE_MS = 20;

/** Options of `lock.autoRefresh`. */
export interface AutoRefreshOptions {
  /** Stop refreshing after this many ms (1 … 2 147 483 647), so that a hung task cannot hold on for ever. */
  maxHold?: number;
}

interface Refreshable {
  readonly ttl: number;
  readonly remaining: number;
  refresh(): Promise<void>;
}

/** Keeps one lease alive: refreshes at a third of its TTL, and retries a failed refresh until the deadline. */
export class AutoRefresh {
  readonly #lock: Refreshable;
  readonly #clock: Clock;
  readonly #ended: () => boolean;
  readonly #stopAt: number;
  #alarm: Alarm | undefined;
  #stopped = false;

  /** `ended` tells whether the lease is over; asking it past the deadline is what declares the loss. */
  constructor(lock: Refreshable, clock: Clock, ended: () => boolean, maxHoldMs = Number.POSITIVE_INFINITY) {
    this.#lock = lock;
    this.#clock = clock;
    this.#ended = ended;
    this.#stopAt = clock.now() + maxHoldMs;
    this.#scheduleNext();
  }

  stop(): void {
    this.#stopped = true;
    this.#alarm?.cancel();
  }

  /** The deadline has moved closer: the alarm that is armed may be too late. */
  restart(): void {
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    const { ttl, remaining } = this.#lock;
    // Less than the TTL is left after a shorter refresh whose outcome is not known yet.
    const leaseMs = Math.min(ttl, remaining + driftMs(ttl));
    this.#schedule((leaseMs / 3) * (1 - Math.random() * JITTER), 0);
  }

  /** `failures` counts the refreshes in a row whose outcome is unknown. */
  #schedule(delayMs: number, failures: number): void {
    if (this.#stopped) return;
    this.#alarm?.cancel();
    // Never later than the lease's end, so that a lease that runs out is noticed then.
    const delay = Math.min(delayMs, this.#lock.remaining);
    this.#alarm = this.#clock.callAt(this.#clock.now() + delay, () => void this.#refresh(failures));
  }

  async #refresh(failures: number): Promise<void> {
    if (this.#ended()) return;
    if (this.#clock.now() >= this.#stopAt) {
      this.#awaitEnd();
      return;
    }
    try {
      await this.#lock.refresh();
      this.#scheduleNext();
    } catch (error) {
      if (this.#stopped || this.#ended()) return;
      if (error instanceof LockClosedError) return this.#awaitEnd();
      // An unknown outcome is not a loss: the server may have refreshed, and may yet.
      if (!(error instanceof LockBackendError)) warnOf(error);
      const longest = this.#lock.ttl / 10;
      this.#schedule(Math.max(1, backoffMs(failures, RETRY_BASE_MS, longest)), failures + 1);
    }
  }

  /** `maxHold` has passed: nothing is refreshed any more, but the end must still be noticed. */
  #awaitEnd(): void {
    this.#alarm = this.#clock.callAt(this.#clock.now() + this.#lock.remaining, () => {
      if (!this.#ended()) this.#awaitEnd();
    });
  }
}

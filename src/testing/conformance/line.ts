import assert from 'node:assert/strict';
import type { Lock } from '../../core/lock.ts';
import { until } from '../wait.ts';
import type { LockView } from './drained-lock.ts';

/** A request that is in line. */
export interface Queued {
  readonly lock: Promise<Lock>;
  /** Gives up; resolves when the request has been rejected. */
  leave(): Promise<void>;
}

/** Requests that join the line of one lock one after the other, and the order in which they are granted. */
export class Line {
  readonly #grants = new Map<string, number>();
  readonly #watched: LockView;

  /** `watched` is the lock, through whichever client. */
  constructor(watched: LockView) {
    this.#watched = watched;
  }

  /** Who has been granted, by fencing token: clients hear of grants that were made at once in any order. */
  get granted(): string[] {
    return [...this.#grants].sort(([, one], [, other]) => one - other).map(([who]) => who);
  }

  /** Asks for the lock, and resolves when the request is in line. */
  async join(who: string, creator: LockView, units?: number, waitTimeout = 30_000): Promise<Queued> {
    const { waiters } = await this.#watched.inspect();
    const abort = new AbortController();
    const options = units === undefined ? { signal: abort.signal } : { signal: abort.signal, units };
    const lock = creator.acquire(30_000, waitTimeout, options);
    // Rejections are the case's to look at.
    lock.then(({ fencingToken }) => this.#grants.set(who, fencingToken)).catch(() => {});
    // Or granted already, where a machine is so slow that a lease has run out meanwhile.
    const joined = async () =>
      this.granted.includes(who) || (await this.#watched.inspect()).waiters === waiters + 1;
    await until(joined, { what: `${who} to be in line` });
    const leave = async (): Promise<void> => {
      abort.abort(who);
      await assert.rejects(lock, (reason) => reason === who);
    };
    return { lock, leave };
  }

  /** Until holders with so many units each have the lock, and so many others wait. */
  async shows(units: readonly number[], waiters: number): Promise<void> {
    const wanted = JSON.stringify([[...units].sort(), waiters]);
    const matches = async () => {
      const { holders, waiters } = await this.#watched.inspect();
      return JSON.stringify([holders.map((holder) => holder.units).sort(), waiters]) === wanted;
    };
    await until(matches, { what: `the units that are out and the waiters to be ${wanted}` });
  }

  /** Until exactly these have been granted, in this order. */
  async grants(...who: string[]): Promise<void> {
    await until(() => this.granted.length >= who.length, { what: `${who.join(', ')} to be granted` });
    assert.deepEqual(this.granted, who);
  }
}

import type { AutoRefreshOptions } from '../core/auto-refresh.ts';
import type { Lock } from '../core/lock.ts';
import { LockLostError } from '../errors.ts';

/**
 * Several leases that were taken together, and end together. Losing one does not release the others: they go on until
 * `release()`, so that whoever winds the work down is still protected by them.
 */
export class MultiLock {
  /** The names as they were asked for: in that order, without the group. */
  readonly names: readonly string[];
  /** The fencing token of each, by name, in the order in which they were asked for. */
  readonly fencingTokens: ReadonlyMap<string, number>;
  readonly #locks: readonly Lock[];
  #controller: AbortController | undefined;

  /** @internal */
  constructor(locks: ReadonlyMap<string, Lock>) {
    this.names = [...locks.keys()];
    this.fencingTokens = new Map([...locks].map(([name, lock]) => [name, lock.fencingToken]));
    this.#locks = [...locks.values()];
  }

  /** Length of the leases in ms, as last asked for. */
  get ttl(): number {
    return Math.min(...this.#locks.map((lock) => lock.ttl));
  }

  /** Time in whole ms for which all of them are certainly still ours; 0 once one is lost, or all are released. Local. */
  get remaining(): number {
    return Math.min(...this.#locks.map((lock) => lock.remaining));
  }

  /** Aborts with the `LockLostError` of the first of them that is lost. Costs nothing until it is read. */
  get signal(): AbortSignal {
    this.#controller ??= this.#makeController();
    return this.#controller.signal;
  }

  /** Throws `LockLostError` if one of them is lost, `LockClosedError` after the release. Local. */
  assertHeld(): void {
    for (const lock of this.#locks) lock.assertHeld();
  }

  /**
   * Starts the TTL of all of them anew, with `ttl` ms (an integer of 10 … 2 147 483 647) if given. Rejects with
   * `LockLostError` when one is gone, else with what the first that failed says: `LockBackendError`, `LockClosedError`.
   */
  async refresh(ttl?: number): Promise<void> {
    await all(this.#locks.map((lock) => lock.refresh(ttl)));
  }

  /** Refreshes all of them until release, loss or `maxHold`, each at a third of its TTL. Throws as `assertHeld`. */
  autoRefresh(options?: AutoRefreshOptions): this {
    this.assertHeld();
    for (const lock of this.#locks) lock.autoRefresh(options);
    return this;
  }

  /**
   * Ends all the leases. Idempotent. Rejects, when all is done, with `LockLostError` if one had been lost before (what
   * you did was not protected), and with `LockBackendError` if a server could not be told until the TTL had passed.
   */
  release(): Promise<void> {
    return all(this.#locks.map((lock) => lock.release()));
  }

  /** As `release`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #makeController(): AbortController {
    const controller = new AbortController();
    for (const { signal } of this.#locks) {
      const abort = (): void => controller.abort(signal.reason);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    }
    return controller;
  }
}

/** Waits for all, then rejects with a loss if there was one, or with the first of other failures. */
async function all(endings: Promise<void>[]): Promise<void> {
  const settled = await Promise.allSettled(endings);
  const failures = settled.flatMap((each) => (each.status === 'rejected' ? [each] : []));
  const failure = failures.find(({ reason }) => reason instanceof LockLostError) ?? failures[0];
  if (failure) throw failure.reason;
}

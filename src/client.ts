import { checkFlag, checkOptions, checkUnits, type GroupOptions } from './core/arguments.ts';
import { type LockJson, readLockJson } from './core/handover.ts';
import type { Lock } from './core/lock.ts';
import type { Session } from './core/session.ts';
import { type CloseOptions, type CreatorOptions, LockCreator } from './lock-creator.ts';
import { type AcquireAllOptions, acquireAll } from './primitives/acquire-all.ts';
import { Counter, type CounterOptions } from './primitives/counter.ts';
import { Election } from './primitives/election.ts';
import type { MultiLock } from './primitives/multi-lock.ts';
import { READ, WRITE } from './primitives/read-write-lock.ts';
import { type LockSource, openSession } from './source.ts';

/** The two sides of a read-write lock. */
export interface ReadWriteLock {
  /** Shared: any number of readers at once. */
  readonly read: LockCreator;
  /** Exclusive: one writer, and nobody else. */
  readonly write: LockCreator;
}

/** Many locks and counters over one backend. */
export class LockClient {
  readonly #session: Session;

  /** `source` is an ioredis instance, a Redis URL, or a backend, which is closed with its last client. */
  constructor(source: LockSource) {
    this.#session = openSession(source);
  }

  /** The leases this client holds now, oldest first. */
  get held(): readonly Lock[] {
    return this.#session.held;
  }

  /** The creator of one lock. Costs nothing until it is used, and needs no close of its own. */
  creator(name: string, options?: CreatorOptions): LockCreator {
    return new LockCreator(name, this.#session, options);
  }

  /**
   * A semaphore: at most `capacity` (1 … 2 147 483 647) permits are out at once, each a lease with its own TTL, handed on in
   * the order of arrival. `acquire` takes several with `{ units }`; who waits for many is not overtaken by who wants few.
   * With a capacity of 1 it is the lock of that name. All clients have to name the same capacity, or fail with
   * `LockCapacityError`. Throws `LockArgumentError`, and `LockUnsupportedError` on engines that have only mutexes.
   */
  semaphore(name: string, capacity: number, options?: GroupOptions): LockCreator {
    const share = { ...checkGroupOptions(options), capacity: checkUnits(capacity, 'capacity') };
    return new LockCreator(name, this.#session, share);
  }

  /**
   * Two creators for one name: any number of readers, or one writer. In the order of arrival: neighbouring readers are
   * granted together, and a waiting writer stops later readers. A writer becomes a reader by `lock.downgrade()`. Each side
   * takes what makes it that side: `units` in the options of an acquire are refused. Throws as `semaphore`.
   */
  readWriteLock(name: string, options?: GroupOptions): ReadWriteLock {
    const group = checkGroupOptions(options);
    return {
      read: new LockCreator(name, this.#session, { ...group, ...READ }, true),
      write: new LockCreator(name, this.#session, { ...group, ...WRITE }, true),
    };
  }

  /**
   * Takes several locks, 1 to 1 000 with different names, all or nothing within one `waitTimeout` (0 … 2 147 483 647 ms,
   * or Infinity); `ttl` is an integer of 10 … 2 147 483 647 ms. Whatever the order of the names, callers of this never wait
   * for each other in a circle. While it waits for one it has those before it in the order of the names, and refreshes them.
   * Rejects, when what it had is released, as `acquire` does, and with `LockLostError` when one was lost meanwhile.
   */
  acquireAll(
    names: readonly string[],
    ttl: number,
    waitTimeout = Number.POSITIVE_INFINITY,
    options?: AcquireAllOptions,
  ): Promise<MultiLock> {
    return acquireAll(this.#session, names, ttl, waitTimeout, options);
  }

  /** The election of a leader, which is the lock of the same name. Costs nothing until it is used. */
  election(name: string, options?: GroupOptions): Election {
    return new Election(name, this.#session, options);
  }

  /**
   * Goes on with a lease that another process has handed over: `json` is what `lock.toJSON()` gave there, or its JSON text.
   * Refreshes it once with its TTL, and holds it from then on under the same owner id and fencing token. Rejects with
   * `LockLostError` when the lease is gone, `LockBackendError` when the outcome is unknown (to be tried again while it may
   * last), `LockClosedError`, and `LockArgumentError`, which names the field that is wrong. To be resumed once: a lease that
   * two go on with is held by both.
   */
  async resume(json: LockJson | string): Promise<Lock> {
    return this.#session.resume(readLockJson(json), this);
  }

  /**
   * A countdown that processes share. Costs nothing until it is used, and needs no close of its own. Throws
   * `LockArgumentError`, and `LockUnsupportedError` where the engine has no counters (Redlock, etcd).
   */
  counter(name: string, options: CounterOptions): Counter {
    return new Counter(name, this.#session, options);
  }

  /**
   * Rejects with `LockClosedError` what is pending, acquires and all that counters were asked for, releases the held
   * leases (unless `release` is false) and ends the connections that are ours, so that the process can exit. Idempotent.
   */
  async close(options?: CloseOptions): Promise<void> {
    const { release = true } = checkOptions(options, ['release']);
    await this.#session.close(checkFlag(release, 'release'));
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Capacity and units are what the primitive says, not its options. */
function checkGroupOptions(options: GroupOptions | undefined): GroupOptions {
  const { group } = checkOptions(options, ['group']);
  return group === undefined ? {} : { group };
}

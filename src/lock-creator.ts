import {
  checkDuration,
  checkFlag,
  checkFunction,
  checkInteger,
  checkLockName,
  checkOptions,
  checkSignal,
  checkTtl,
  checkUnits,
  checkWaitTimeout,
  type GroupOptions,
  type WaitOptions,
} from './core/arguments.ts';
import type { LockBackend, LockState } from './core/backend.ts';
import type { Lock } from './core/lock.ts';
import type { Asked } from './core/request.ts';
import { Session } from './core/session.ts';
import { LockArgumentError, LockBackendError, LockUnsupportedError } from './errors.ts';
import { type LockSource, openSession } from './source.ts';

const MOST_RETRIES = 1_000_000;
const DEFAULT_BACKOFF_MS = 100;

/** Options of `acquire` and `using`. */
export interface AcquireOptions extends WaitOptions {
  /** How many units to take at once, 1 … the capacity; as many as the creator was made for by default. */
  units?: number;
}

/** Options of `tryAcquire`. */
export interface TryOptions extends AcquireOptions {
  /** How many further tries, 0 … 1 000 000. 0 by default. */
  retries?: number;
  /** Upper bound of the first pause in ms, doubled with each try. 100 by default. */
  backoff?: number;
}

/** Options of a creator. */
export interface CreatorOptions extends GroupOptions {
  /** How many units of the name may be out at once: 1 (a mutex, the default) … 2 147 483 647. */
  capacity?: number;
  /** How many units one acquire takes, 1 … `capacity`. 1 by default. */
  units?: number;
}

/** Options of `close`. */
export interface CloseOptions {
  /** Release the held leases (the default), or leave them to their TTL. */
  release?: boolean;
}

/** A named resource from which leases are taken. */
export class LockCreator {
  /** Name of the lock, with its group. */
  readonly name: string;
  /** How many units of the name may be out at once; 1 for a mutex. */
  readonly capacity: number;
  readonly #units: number;
  readonly #unitsFixed: boolean;
  readonly #session: Session;
  readonly #ownsSession: boolean;

  /**
   * `name` is well-formed Unicode of 1 to 512 bytes in UTF-8. All creators made from one ioredis instance share
   * one pair of connections: the instance, and a subscriber that is opened when somebody first has to wait.
   * Throws `LockArgumentError`, and `LockUnsupportedError` for a capacity above 1 where the engine has only mutexes.
   */
  constructor(name: string, source: LockSource, options?: CreatorOptions);
  /** @internal On a client's session. `unitsFixed`: nobody may ask for another number of units. */
  constructor(name: string, source: LockSource | Session, options?: CreatorOptions, unitsFixed?: boolean);
  constructor(name: string, source: LockSource | Session, options?: CreatorOptions, unitsFixed = false) {
    const { group, capacity = 1, units = 1 } = checkOptions(options, ['group', 'capacity', 'units']);
    this.name = checkLockName(name, group);
    this.capacity = checkUnits(capacity, 'capacity');
    this.#units = checkUnits(units, 'units', capacity);
    this.#unitsFixed = unitsFixed;
    this.#ownsSession = !Session.is(source);
    const check = (backend: LockBackend): void => this.#assertSupported(backend);
    if (Session.is(source)) check(source.backend);
    this.#session = Session.is(source) ? source : openSession(source, check);
  }

  /**
   * Takes the lock, waiting in line if need be: first come, first served, across processes. `ttl` is an integer of
   * 10 … 2 147 483 647 ms; `waitTimeout` is 0 (one try) … 2 147 483 647 ms, or Infinity. Rejects with
   * `LockTimeoutError`, the signal's reason, `LockBackendError`, `LockCapacityError`, `LockClosedError`,
   * `LockArgumentError`.
   */
  acquire(ttl: number, waitTimeout = Number.POSITIVE_INFINITY, options?: AcquireOptions): Promise<Lock> {
    // Not an async function: each promise between the server's answer and the caller takes its time.
    try {
      const given = options === undefined ? undefined : checkOptions(options, ['signal', 'units']);
      const signal = checkSignal(given?.signal);
      return this.#session.acquire(this.#asked(ttl, checkWaitTimeout(waitTimeout), given?.units), signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the lock if it is free and nobody is in line for it, else resolves with null; never queues. With
   * `retries` it tries again after pauses that grow exponentially from `backoff` ms, with full jitter. Rejects with
   * the signal's reason, `LockBackendError`, `LockCapacityError`, `LockClosedError`, `LockArgumentError`.
   */
  async tryAcquire(ttl: number, options?: TryOptions): Promise<Lock | null> {
    const given = checkOptions(options, ['retries', 'backoff', 'signal', 'units']);
    const { retries = 0, backoff = DEFAULT_BACKOFF_MS, signal, units } = given;
    const retry = {
      retries: checkInteger(retries, 'retries', 0, MOST_RETRIES, ''),
      backoff: checkDuration(backoff, 'backoff'),
    };
    return this.#session.tryAcquire(this.#asked(ttl, 0, units), retry, checkSignal(signal));
  }

  /**
   * Acquires, refreshes automatically, runs `task` and releases. The task's own error always wins. Rejects with
   * `LockLostError` when the task succeeds although the lease was lost, and as `acquire` does. A release that the
   * server does not answer is no failure of the task: the TTL ends the lease.
   */
  async using<T>(
    ttl: number,
    waitTimeout: number,
    task: (lock: Lock) => T | PromiseLike<T>,
    options?: AcquireOptions,
  ): Promise<T> {
    checkFunction(task, 'task');
    const lock = await this.acquire(ttl, waitTimeout, options);
    let result: T;
    try {
      result = await task(lock.autoRefresh());
    } catch (error) {
      await lock.release().catch(() => {});
      throw error;
    }
    await lock.release().catch(ignoreUnreleased);
    return result;
  }

  /** The lock as the server sees it now. Rejects with `LockBackendError`, `LockClosedError`. */
  async inspect(): Promise<LockState> {
    return this.#backend.inspect(this.name);
  }

  /** Whether anybody holds the lock now. Rejects as `inspect`. */
  async isLocked(): Promise<boolean> {
    return (await this.owner()) !== null;
  }

  /** The owner id of whoever holds the lock now, or null. Rejects as `inspect`. */
  async owner(): Promise<string | null> {
    const { holders } = await this.inspect();
    return holders[0]?.owner ?? null;
  }

  /**
   * Takes the lock from its holder, whoever it is, and hands it to the next in line. False when nobody held it.
   * The holder's `signal` aborts with a `LockLostError` whose reason is `forced`. Rejects as `inspect`.
   */
  async forceRelease(): Promise<boolean> {
    return this.#backend.forceRelease(this.name);
  }

  /**
   * Yields the lock's state at once and after every grant, release and expiry. A consumer that falls behind by
   * more than 1 024 states loses the oldest. Ends when the creator is closed; throws the signal's reason,
   * `LockBackendError`, `LockClosedError`.
   */
  watch(options?: WaitOptions): AsyncIterableIterator<LockState> {
    const signal = checkSignal(checkOptions(options, ['signal']).signal);
    return this.#session.watch(this.name, this, signal);
  }

  /**
   * Rejects pending acquires with `LockClosedError`, releases the leases taken through this creator (unless
   * `release` is false) and gives back the connections; what others opened stays open. Idempotent.
   */
  async close(options?: CloseOptions): Promise<void> {
    const { release = true } = checkOptions(options, ['release']);
    checkFlag(release, 'release');
    if (this.#ownsSession) await this.#session.close(release);
    else await this.#session.closeScope(this, release);
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertSupported({ kind, supports }: LockBackend): void {
    if (this.capacity === 1 || supports.capacity) return;
    throw new LockUnsupportedError(`a capacity of ${this.capacity}`, kind, this.name);
  }

  #asked(ttl: number, waitMs: number, units = this.#units): Asked {
    const { name, capacity } = this;
    const share = capacity > 1 ? { units: checkUnits(units, 'units', capacity), capacity } : undefined;
    if (!share && units !== 1) checkUnits(units, 'units', 1);
    if (this.#unitsFixed && units !== this.#units) {
      throw new LockArgumentError('units', units, `${this.#units}, which is what this side takes`);
    }
    return { name, ttlMs: checkTtl(ttl), waitMs, scope: this, share };
  }

  get #backend(): LockBackend {
    this.#session.assertOpen(this);
    return this.#session.backend;
  }
}

function ignoreUnreleased(error: unknown): void {
  if (!(error instanceof LockBackendError)) throw error;
}

import {
  checkDuration,
  checkFunction,
  checkGroup,
  checkInteger,
  checkName,
  checkOptions,
  checkSignal,
  checkTtl,
  checkWaitTimeout,
} from './core/arguments.ts';
import type { LockBackend, LockState } from './core/backend.ts';
import type { Lock } from './core/lock.ts';
import { Session } from './core/session.ts';
import { Watch } from './core/watch.ts';
import { LockBackendError } from './errors.ts';
import { type LockSource, openSession } from './source.ts';

const MOST_RETRIES = 1_000_000;
const DEFAULT_BACKOFF_MS = 100;

/** Options of every call that waits. */
export interface WaitOptions {
  /** Ends the wait; the call rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Options of `tryAcquire`. */
export interface TryOptions extends WaitOptions {
  /** How many further tries, 0 … 1 000 000. 0 by default. */
  retries?: number;
  /** Upper bound of the first pause in ms, doubled with each try. 100 by default. */
  backoff?: number;
}

/** Options of a creator. */
export interface CreatorOptions {
  /** Puts the name into a group: the lock is then named `<group>/<name>`. */
  group?: string;
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
  readonly #session: Session;
  readonly #ownsSession: boolean;

  /**
   * `name` is well-formed Unicode of 1 to 512 bytes in UTF-8. All creators made from one ioredis instance share
   * one pair of connections: the instance, and a subscriber that is opened when somebody first has to wait.
   * Throws `LockArgumentError`.
   */
  constructor(name: string, source: LockSource | Session, options?: CreatorOptions) {
    const { group } = checkOptions(options);
    checkName(name);
    this.name = group === undefined ? name : checkName(`${checkGroup(group)}/${name}`, 'group/name');
    this.#ownsSession = !(source instanceof Session);
    this.#session = source instanceof Session ? source : openSession(source);
  }

  /**
   * Takes the lock, waiting in line if need be: first come, first served, across processes. `ttl` is an integer of
   * 10 … 2 147 483 647 ms; `waitTimeout` is 0 (one try) … 2 147 483 647 ms, or Infinity. Rejects with
   * `LockTimeoutError`, the signal's reason, `LockBackendError`, `LockClosedError`, `LockArgumentError`.
   */
  acquire(ttl: number, waitTimeout = Number.POSITIVE_INFINITY, options?: WaitOptions): Promise<Lock> {
    // Not an async function: each promise between the server's answer and the caller takes its time.
    try {
      const signal = options === undefined ? undefined : checkSignal(checkOptions(options).signal);
      return this.#session.acquire(this.name, checkTtl(ttl), checkWaitTimeout(waitTimeout), this, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the lock if it is free and nobody is in line for it, else resolves with null; never queues. With
   * `retries` it tries again after pauses that grow exponentially from `backoff` ms, with full jitter. Rejects with
   * the signal's reason, `LockBackendError`, `LockClosedError`, `LockArgumentError`.
   */
  async tryAcquire(ttl: number, options?: TryOptions): Promise<Lock | null> {
    const { retries = 0, backoff = DEFAULT_BACKOFF_MS, signal } = checkOptions(options);
    const retry = {
      retries: checkInteger(retries, 'retries', 0, MOST_RETRIES, ''),
      backoff: checkDuration(backoff, 'backoff'),
    };
    return this.#session.tryAcquire(this.name, checkTtl(ttl), retry, this, checkSignal(signal));
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
    options?: WaitOptions,
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
    const signal = checkSignal(checkOptions(options).signal);
    return new Watch(this.#session.backend, this.name, (watch) => {
      signal?.throwIfAborted();
      this.#session.assertOpen(this);
      const forget = this.#session.onClose(this, () => watch.stop({}));
      const abort = (): void => watch.stop({ error: signal?.reason });
      signal?.addEventListener('abort', abort);
      return () => {
        forget();
        signal?.removeEventListener('abort', abort);
      };
    });
  }

  /**
   * Rejects pending acquires with `LockClosedError`, releases the leases taken through this creator (unless
   * `release` is false) and gives back the connections; what others opened stays open. Idempotent.
   */
  async close(options?: CloseOptions): Promise<void> {
    const { release = true } = checkOptions(options);
    if (this.#ownsSession) await this.#session.close(release);
    else await this.#session.closeScope(this, release);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #backend(): LockBackend {
    this.#session.assertOpen(this);
    return this.#session.backend;
  }
}

function ignoreUnreleased(error: unknown): void {
  if (!(error instanceof LockBackendError)) throw error;
}

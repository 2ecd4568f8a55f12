import {
  checkInteger,
  checkLockName,
  checkOptions,
  checkSignal,
  checkTtl,
  checkWaitTimeout,
  type GroupOptions,
} from '../core/arguments.ts';
import { type CounterStep, type CounterStore, HIGHEST_COUNT, UNSET } from '../core/counter-store.ts';
import type { Session } from '../core/session.ts';
import { CounterExpiredError, LockClosedError, LockUnsupportedError } from '../errors.ts';
import { PendingWait, timeoutError } from './counter-wait.ts';

/** Options of a counter. */
export interface CounterOptions extends GroupOptions {
  /** How long the counter lasts without a change, in whole ms: 10 … 2 147 483 647. Each change starts it anew. */
  ttl: number;
}

/**
 * A batch's countdown, shared by all processes that name it: set to the number of items, counted down by whoever has
 * done one, awaited by whoever has to go on afterwards. Each change counts exactly once, also when the connection is cut
 * and the command sent again. It shares nothing with a lock of the same name.
 *
 * Every method rejects with `LockArgumentError` (before anything is sent), `LockBackendError` (a change may then have
 * counted, or not, or may yet) and `LockClosedError`.
 */
export class Counter {
  /** Name of the counter, with its group. */
  readonly name: string;
  /** How long it lasts after a change that is made through this object, in ms. */
  readonly ttl: number;
  readonly #session: Session;
  readonly #store: CounterStore;

  /** @internal Throws `LockArgumentError`, and `LockUnsupportedError` where the engine has no counters. */
  constructor(name: string, session: Session, options: CounterOptions) {
    const { ttl, group } = checkOptions(options, ['ttl', 'group']);
    this.name = checkLockName(name, group);
    this.ttl = checkTtl(ttl);
    this.#session = session;
    const { counters, kind } = session.backend;
    if (!counters) throw new LockUnsupportedError('a counter', kind, this.name);
    this.#store = counters;
  }

  /** Sets it to `value`, 0 … `Number.MAX_SAFE_INTEGER`, whatever it was. Setting it to 0 releases who waits. */
  async set(value: number): Promise<void> {
    await this.#step('set', checkCount(value, 'value'));
  }

  /**
   * Adds `by`, 0 … `Number.MAX_SAFE_INTEGER`, and resolves with what it is then. A counter that is not there starts at 0.
   * Rejects with `CounterOverflowError` if the sum was beyond `Number.MAX_SAFE_INTEGER`; nothing has changed then.
   */
  async increment(by = 1): Promise<number> {
    return this.#step('increment', checkCount(by, 'by'));
  }

  /**
   * Takes `by` away, 0 … `Number.MAX_SAFE_INTEGER`, but never more than there is, and resolves with what is left; whoever
   * gets 0 first has done the last item. Rejects with `CounterExpiredError` if the counter is not there.
   */
  async decrement(by = 1): Promise<number> {
    return this.#step('decrement', checkCount(by, 'by'));
  }

  /** What it is now; −1 if it is not there: never set, deleted or expired. No change: the TTL goes on. */
  async get(): Promise<number> {
    return this.#step('get', 0);
  }

  /** Whether anything is left to do: above 0. */
  async isLocked(): Promise<boolean> {
    return (await this.get()) > 0;
  }

  /**
   * Resolves as soon as the counter is, or reaches, 0; the server tells, nobody polls. `timeout` is 0 (look once) …
   * 2 147 483 647 ms, or Infinity. Rejects with `LockTimeoutError`, the signal's reason, and with `CounterExpiredError` if
   * the counter is not there, or expires or is deleted meanwhile, since then nobody knows whether the work was done.
   */
  async wait(timeout = Number.POSITIVE_INFINITY, options?: { signal?: AbortSignal }): Promise<void> {
    const timeoutMs = checkWaitTimeout(timeout, 'timeout');
    const signal = checkSignal(checkOptions(options, ['signal']).signal);
    signal?.throwIfAborted();
    this.#session.assertOpen(this);
    const session = this.#session;
    const askedAt = session.backend.clock.now();
    if (timeoutMs === 0) return this.#look(askedAt, signal);
    const about = { name: this.name, store: this.#store, session, askedAt, timeoutMs, signal };
    await new Promise<void>((resolve, reject) => new PendingWait(about, this, resolve, reject).start());
  }

  /** Removes it, so that who waits rejects with `CounterExpiredError`. False when there was none. */
  async delete(): Promise<boolean> {
    return (await this.#step('delete', 0)) !== UNSET;
  }

  async #look(askedAt: number, signal: AbortSignal | undefined): Promise<void> {
    const value = await this.#step('get', 0, signal);
    if (value === UNSET) throw new CounterExpiredError(this.name);
    if (value > 0) throw timeoutError(this.name, this.#session.backend.clock.now() - askedAt);
  }

  #step(kind: CounterStep['kind'], by: number, signal?: AbortSignal): Promise<number> {
    this.#session.assertOpen(this);
    return new Promise((resolve, reject) => {
      const forget = this.#session.onClose(this, () =>
        reject(new LockClosedError('closed before the server has answered', this.name)),
      );
      const unlisten = signal && this.#session.onAbort(signal, () => reject(signal.reason));
      const over = (): void => {
        forget();
        unlisten?.();
      };
      this.#store.step(this.name, { kind, by, ttlMs: this.ttl }).then(
        (value) => {
          over();
          resolve(value);
        },
        (error: unknown) => {
          over();
          reject(error);
        },
      );
    });
  }
}

function checkCount(value: unknown, argument: string): number {
  return checkInteger(value, argument, 0, HIGHEST_COUNT, '');
}

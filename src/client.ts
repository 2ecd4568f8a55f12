import { checkOptions } from './core/arguments.ts';
import type { Lock } from './core/lock.ts';
import type { Session } from './core/session.ts';
import { type CloseOptions, type CreatorOptions, LockCreator } from './lock-creator.ts';
import { Counter, type CounterOptions } from './primitives/counter.ts';
import { type LockSource, openSession } from './source.ts';

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
    const { release = true } = checkOptions(options);
    await this.#session.close(release);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

import type { Lock } from '../core/lock.ts';

/** The time for which one candidate leads: a lease that is refreshed automatically until it is resigned or lost. */
export class Leadership {
  readonly #lock: Lock;
  readonly #signal: AbortSignal | undefined;

  /**
   * `signal` takes the place of the lease's.
   * @internal
   */
  constructor(lock: Lock, signal?: AbortSignal) {
    this.#lock = lock;
    this.#signal = signal;
  }

  /** Name of the election, with its group. */
  get name(): string {
    return this.#lock.name;
  }

  /** Owner id, unique to this leadership; what observers see. */
  get owner(): string {
    return this.#lock.owner;
  }

  /** Rises with every leader. Store it with what you write, and refuse writes with a lower one. */
  get fencingToken(): number {
    return this.#lock.fencingToken;
  }

  /**
   * Aborts with `LockLostError` when the leadership is lost, at the latest at the lease's deadline. In `election.run` also
   * with the reason of the caller's signal, and with `LockClosedError` at the close of the client.
   */
  get signal(): AbortSignal {
    return this.#signal ?? this.#lock.signal;
  }

  /**
   * Ends the leadership; the next candidate in line leads in the same step on the server. Idempotent. Rejects with
   * `LockLostError` when it had been lost before, and with `LockBackendError` when the server could not be told until
   * the TTL had passed.
   */
  resign(): Promise<void> {
    return this.#lock.release();
  }

  /** As `resign`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }
}

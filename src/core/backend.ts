import type { Clock } from './clock.ts';
import type { CounterStore } from './counter-store.ts';
import type { WakeSource } from './diagnostics.ts';
import type { LockListing } from './listing.ts';

/** Who is told when a caller gives up. */
export interface Canceller {
  /** Answers the request with `failed(reason)`, unless it has been answered. */
  cancel(reason: unknown): void;
}

/**
 * What a caller asks a backend for, and where the answer goes: the backend calls exactly one of `granted`, `refused` and
 * `failed`, once. No promises: each would cost a waiter memory, and a handoff time.
 */
export interface LeaseRequest {
  /** Name of the lock, with its group. */
  readonly name: string;
  /** Length of the lease in ms. */
  readonly ttlMs: number;
  /** How many units of the capacity to take, 1 … `capacity`; a mutex takes 1 of 1. */
  readonly units: number;
  /** How many units of the name may be out at once. Who differs about it while it is in use fails with `LockCapacityError`. */
  readonly capacity: number;
  /** Local instant at which the caller stops waiting; Infinity for never. */
  readonly deadline: number;
  /** Local instant at which the caller asked. */
  readonly askedAt: number;
  /** Set by the backend before it returns, unless it has answered by then. */
  canceller: Canceller | undefined;
  /** The lease is there. `wake` is for who listens to the diagnostics channels; a backend that cannot tell leaves it out. */
  granted(grant: Grant, wake?: WakeSource): void;
  /** Only a try is refused: somebody else has the lock or is in line for it. */
  refused(): void;
  /**
   * With `LockTimeoutError`, `LockBackendError`, `LockCapacityError`, `LockClosedError` or the reason of the cancellation.
   */
  failed(reason: unknown): void;
}

/** A lease that a backend has granted. The handle keeps `units`, `ttlMs` and `deadline` up to date. */
export interface Grant {
  /** Name of the lock, with its group. */
  readonly name: string;
  /** Owner id, unique to this acquisition. */
  readonly owner: string;
  /** Higher than that of every earlier grant of the name. */
  readonly fencingToken: number;
  /** How many units of the capacity it holds. */
  units: number;
  /** Length of the lease in ms, as last asked for. */
  ttlMs: number;
  /** Local instant after which the lease must not be believed in. */
  deadline: number;
}

/** One lease, as the server sees it. */
export interface Holder {
  /** Owner id, unique to its acquisition. */
  readonly owner: string;
  /** The client that holds it: `<client name>.<process id>.<random>`. */
  readonly client: string;
  /** How many units of the capacity it holds. */
  readonly units: number;
  /** That of its grant. */
  readonly fencingToken: number;
  /** Time left by the server's clock, in ms. */
  readonly remainingTtl: number;
}

/** A lock as the server sees it at one moment. */
export interface LockState {
  /** Name of the lock, with its group. */
  readonly name: string;
  /** The capacity with which the name is used now; 1 when nobody holds any of it or waits for it. */
  readonly capacity: number;
  /** Who holds it, or some of it; empty while it is free. */
  readonly holders: readonly Holder[];
  /** How many waiters are queued, including those whose process has died since. */
  readonly waiters: number;
}

/** A running watch on one lock. */
export interface Observation {
  /** Reads the state anew and reports it, in order with what the server tells by itself. */
  check(): Promise<void>;
  /** Resolves when nothing more will be told. */
  stop(): Promise<void>;
}

/** What an engine has to do. It blocks in its own native way; everything else is common. */
export interface LockBackend {
  /** What messages call the engine: `redis`, `etcd`. */
  readonly kind: string;
  /** What the engine can do. What it cannot is refused with `LockUnsupportedError` before it is asked. */
  readonly supports: {
    /** More than one unit of a name: semaphores and read-write locks. */
    readonly capacity: boolean;
    /** Tokens that rise with every grant of a name. */
    readonly fencing: boolean;
    /** First come, first served, across processes. */
    readonly fifo: boolean;
    /** Whether there is a `counters`. */
    readonly counters: boolean;
  };
  /** Only of backends that support counters. */
  readonly counters?: CounterStore;
  /** Only of backends that can say which locks there are. */
  readonly listing?: LockListing;
  /** The time by which its deadlines go. */
  readonly clock: Clock;
  /** How far clocks may run apart, as a part of the TTL (0 … 1); 0.01 when left out. */
  readonly driftFactor?: number;
  /** Waits in line. */
  acquire(request: LeaseRequest): void;
  /** One try, no queueing. */
  tryAcquire(request: LeaseRequest): void;
  /**
   * Starts the lease's TTL anew, also that of one which another process was granted and has handed to this one. False:
   * certainly not ours any more; a throw: unknown.
   */
  refresh(grant: Grant, ttlMs: number): Promise<boolean>;
  /**
   * Keeps `units` of the lease's units, fewer than it has, and hands the others on, in one step. False: certainly not
   * ours any more; a throw: unknown. Only for backends that support `capacity`.
   */
  downgrade?(grant: Grant, units: number): Promise<boolean>;
  /** Ends the lease and hands the lock to the next in line. False: it was certainly not ours any more. */
  release(grant: Grant): Promise<boolean>;
  /** Forgets a lease that another process goes on with, without telling the server. */
  forget?(grant: Grant): void;
  /**
   * Calls `listener` as soon as the backend hears that the lease was released by force, or finds that it is gone, which is
   * `taken`; returns how to stop.
   */
  onForced(grant: Grant, listener: (reason?: 'taken') => void): () => void;
  /** The lock as the server sees it now. Rejects with `LockBackendError`, `LockClosedError`. */
  inspect(name: string): Promise<LockState>;
  /** Takes the lock from its holder and hands it on. False when nobody held it. */
  forceRelease(name: string): Promise<boolean>;
  /**
   * Once resolved, calls `onChange` with the new state after every grant and release, and after `check`; `onEnd` instead, if
   * nothing will be told any more, since the user has ended the connection.
   */
  watch(
    name: string,
    onChange: (state: LockState) => void,
    onEnd: (error: unknown) => void,
  ): Promise<Observation>;
  /** Rejects what is pending with `LockClosedError` and ends the connections this backend opened. */
  close(): Promise<void>;
}

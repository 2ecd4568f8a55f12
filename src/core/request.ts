import type { Canceller, Grant, LeaseRequest, LockBackend } from './backend.ts';
import type { Linked } from './linked-set.ts';
import { Lock } from './lock.ts';

/** Who makes requests, and keeps the books of what comes of them. */
export interface Requester {
  /** The request is answered. */
  settled(request: PendingRequest): void;
  /** The lock for a grant; throws when nobody wants it any more. */
  hold(grant: Grant, request: PendingRequest): Lock;
  /** The lock of the entry is released or lost, or was handed to another process. */
  lockEnded(entry: HeldEntry): void;
}

/** What is asked for, and by whom. */
export interface Asked {
  readonly name: string;
  readonly ttlMs: number;
  readonly waitMs: number;
  /** Whose close() cancels this request, or releases what came of it. */
  readonly scope: object;
  /** Of a mutex if left out. */
  readonly share?: Share | undefined;
}

/** How a try that was refused is repeated. */
export interface Retry {
  readonly retries: number;
  /** Upper bound of the first pause in ms. */
  readonly backoff: number;
}

/** A part of a resource that has more than one unit. */
export interface Share {
  readonly units: number;
  readonly capacity: number;
}

/** A lease that is held, in the books. */
export interface HeldEntry extends Linked {
  readonly lock: Lock | undefined;
  /** Whose close() releases it. */
  readonly scope: object;
}

/** The caller's side of one acquire: what it asks for, how it gives up, what it got, and whom to tell. */
export class PendingRequest implements LeaseRequest, HeldEntry {
  before: Linked | undefined;
  after: Linked | undefined;
  readonly name: string;
  readonly ttlMs: number;
  readonly askedAt: number;
  readonly deadline: number;
  /** Whose close() cancels this request, or releases what came of it. */
  readonly scope: object;
  canceller: Canceller | undefined;
  /** Stops listening to the caller's signal. */
  unlisten: (() => void) | undefined;
  /** What came of it. */
  lock: Lock | undefined;
  readonly #requester: Requester;
  readonly #resolve: (lock: Lock | null) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    asked: Asked,
    askedAt: number,
    requester: Requester,
    resolve: (lock: Lock | null) => void,
    reject: (reason: unknown) => void,
  ) {
    this.name = asked.name;
    this.ttlMs = asked.ttlMs;
    this.askedAt = askedAt;
    this.deadline = askedAt + asked.waitMs;
    this.scope = asked.scope;
    this.#requester = requester;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get units(): number {
    return 1;
  }

  get capacity(): number {
    return 1;
  }

  cancel(reason: unknown): void {
    this.canceller?.cancel(reason);
  }

  granted(grant: Grant): void {
    this.#settle();
    try {
      this.#resolve(this.#requester.hold(grant, this));
    } catch (error) {
      this.#reject(error);
    }
  }

  refused(): void {
    this.#settle();
    this.#resolve(null);
  }

  failed(reason: unknown): void {
    this.#settle();
    this.#reject(reason);
  }

  lockEnded(): void {
    this.#requester.lockEnded(this);
  }

  #settle(): void {
    this.canceller = undefined;
    this.unlisten?.();
    this.#requester.settled(this);
  }
}

/** A request for units of a semaphore or a read-write lock. Mutexes, of which there are many, need no fields for it. */
export class ShareRequest extends PendingRequest {
  readonly #share: Share;

  constructor(share: Share, ...rest: ConstructorParameters<typeof PendingRequest>) {
    super(...rest);
    this.#share = share;
  }

  override get units(): number {
    return this.#share.units;
  }

  override get capacity(): number {
    return this.#share.capacity;
  }
}

/** A lease that another process was granted and has handed to this one. */
export class ResumedLease implements HeldEntry {
  before: Linked | undefined;
  after: Linked | undefined;
  readonly lock: Lock;
  readonly scope: object;
  readonly #requester: Requester;

  constructor(backend: LockBackend, grant: Grant, scope: object, requester: Requester) {
    this.lock = new Lock(backend, grant, this);
    this.scope = scope;
    this.#requester = requester;
  }

  lockEnded(): void {
    this.#requester.lockEnded(this);
  }
}

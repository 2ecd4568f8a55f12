import { checkOptions } from '../core/arguments.ts';
import type { Grant, LeaseRequest, LockBackend, LockState, Observation } from '../core/backend.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { DeadlineQueue } from '../core/deadline-queue.ts';
import { checkClientName, Owners } from '../core/owner.ts';
import { Waiter } from '../core/waiter.ts';
import { LockClosedError } from '../errors.ts';
import { Resource } from './resource.ts';

/** From this many names on, those whose lease ran out unreleased are looked for now and then. */
const PRUNE_FROM = 1_024;

/** Options of `memoryBackend`. */
export interface MemoryBackendOptions {
  /** Shown in inspections: 1 to 64 letters, digits, ".", "_" or "-". The host's name by default. */
  clientName?: string;
}

/**
 * Locks within one process, without a server: the semantics of the Redis backend, for tests, local work and
 * programs that have only one process. Everything made from one returned object shares its locks.
 */
export function memoryBackend(options?: MemoryBackendOptions): LockBackend {
  return new MemoryBackend(systemClock, checkClientName(checkOptions(options).clientName));
}

export class MemoryBackend implements LockBackend {
  readonly kind = 'memory';
  readonly supports = { capacity: false, fencing: true, fifo: true, counters: false };
  readonly clock: Clock;
  readonly #owners: Owners;
  readonly #deadlines: DeadlineQueue;
  readonly #resources = new Map<string, Resource>();
  #pruneAt = PRUNE_FROM;
  #lastFence = 0;

  constructor(clock: Clock, clientName?: string) {
    this.clock = clock;
    this.#deadlines = new DeadlineQueue(clock);
    this.#owners = new Owners(clientName);
  }

  acquire(request: LeaseRequest): void {
    const resource = this.#resource(request.name);
    const waiter = this.#waiter(request, resource);
    if (!resource.tryGrant(waiter)) resource.enqueue(waiter);
  }

  tryAcquire(request: LeaseRequest): void {
    const resource = this.#resource(request.name);
    const waiter = this.#waiter(request, resource);
    if (!resource.tryGrant(waiter)) waiter.refuse();
  }

  async refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    return this.#resource(grant.name).refresh(grant.owner, ttlMs);
  }

  async release(grant: Grant): Promise<boolean> {
    const released = this.#resource(grant.name).release(grant.owner);
    this.#tidy(grant.name);
    return released;
  }

  onForced(grant: Grant, listener: () => void): () => void {
    this.#resources.get(grant.name)?.onForced(grant.owner, listener);
    return () => this.#resources.get(grant.name)?.onForced(grant.owner, undefined);
  }

  async inspect(name: string): Promise<LockState> {
    const state = this.#resource(name).state;
    this.#tidy(name);
    return state;
  }

  async forceRelease(name: string): Promise<boolean> {
    const released = this.#resource(name).release();
    this.#tidy(name);
    return released;
  }

  async watch(name: string, onChange: (state: LockState) => void): Promise<Observation> {
    const resource = this.#resource(name);
    const unwatch = resource.watch(onChange);
    return {
      check: async () => onChange(resource.state),
      stop: async () => {
        unwatch();
        this.#tidy(name);
      },
    };
  }

  /** There is no connection to end: the locks stay, for whoever uses this backend next. */
  async close(): Promise<void> {
    for (const resource of this.#resources.values()) {
      resource.failWaiters((name) => new LockClosedError('closed while waiting', name));
    }
  }

  #waiter(request: LeaseRequest, resource: Resource): MemoryWaiter {
    const owner = this.#owners.next(request.ttlMs);
    return new MemoryWaiter(owner, request, this.#deadlines, (waiter) => {
      resource.leave(waiter);
      this.#tidy(request.name);
    });
  }

  #resource(name: string): Resource {
    let resource = this.#resources.get(name);
    if (!resource) {
      resource = new Resource(name, this.clock, () => this.#nextFence());
      if (this.#resources.size >= this.#pruneAt) this.#prune();
      this.#resources.set(name, resource);
    }
    return resource;
  }

  #prune(): void {
    for (const name of this.#resources.keys()) this.#tidy(name);
    this.#pruneAt = Math.max(PRUNE_FROM, this.#resources.size * 2);
  }

  #tidy(name: string): void {
    if (this.#resources.get(name)?.idle) this.#resources.delete(name);
  }

  /** One rising sequence for all names, so that a name nobody uses needs no memory. */
  #nextFence(): number {
    this.#lastFence = Math.max(this.#lastFence + 1, Date.now() * 1_000);
    return this.#lastFence;
  }
}

class MemoryWaiter extends Waiter {
  readonly #onEnd: (waiter: Waiter) => void;

  constructor(
    owner: string,
    request: LeaseRequest,
    deadlines: DeadlineQueue,
    onEnd: (waiter: Waiter) => void,
  ) {
    super(owner, request, deadlines);
    this.#onEnd = onEnd;
  }

  protected ended(): void {
    this.#onEnd(this);
  }
}

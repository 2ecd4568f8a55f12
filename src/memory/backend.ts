import { checkName, checkOptions } from '../core/arguments.ts';
import type { Grant, LeaseRequest, LockBackend, LockState, Observation } from '../core/backend.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { DeadlineQueue } from '../core/deadline-queue.ts';
import { checkClientName, Owners } from '../core/owner.ts';
import { Waiter } from '../core/waiter.ts';
import { LockClosedError } from '../errors.ts';
import { MemoryCounters } from './counters.ts';
import type { Resource } from './resource.ts';
import { MemorySpace } from './space.ts';

/** Options of `memoryBackend`. */
export interface MemoryBackendOptions {
  /** Shown in inspections: 1 to 64 letters, digits, ".", "_" or "-". The host's name by default. */
  clientName?: string;
  /** All backends of one name in this process share their locks: 1 to 512 bytes. Without a name each has its own. */
  space?: string;
}

/** The shared ones, by name. They stay, as a server would. */
const spaces = new Map<string, MemorySpace>();

/**
 * Locks within one process, without a server: the semantics of the Redis backend, for tests, local work and
 * programs that have only one process. Everything made from one returned object shares its locks.
 */
export function memoryBackend(options?: MemoryBackendOptions): LockBackend {
  const { clientName, space } = checkOptions(options, ['clientName', 'space']);
  const owners = new Owners(checkClientName(clientName));
  return new MemoryBackend(
    systemClock,
    owners,
    space === undefined ? undefined : spaceOf(checkName(space, 'space')),
  );
}

function spaceOf(name: string): MemorySpace {
  const space = spaces.get(name) ?? new MemorySpace(systemClock);
  spaces.set(name, space);
  return space;
}

export class MemoryBackend implements LockBackend {
  readonly kind = 'memory';
  readonly supports = { capacity: true, fencing: true, fifo: true, counters: true };
  readonly clock: Clock;
  readonly counters: MemoryCounters;
  readonly #owners: Owners;
  readonly #deadlines: DeadlineQueue;
  readonly #space: MemorySpace;

  constructor(clock: Clock, owners = new Owners(), space = new MemorySpace(clock)) {
    this.clock = clock;
    this.#deadlines = new DeadlineQueue(clock);
    this.#owners = owners;
    this.#space = space;
    this.counters = new MemoryCounters(space.counts);
  }

  acquire(request: LeaseRequest): void {
    const resource = this.#space.resource(request.name);
    const waiter = this.#waiter(request, resource);
    if (!resource.tryGrant(waiter)) resource.enqueue(waiter);
  }

  tryAcquire(request: LeaseRequest): void {
    const resource = this.#space.resource(request.name);
    const waiter = this.#waiter(request, resource);
    if (!resource.tryGrant(waiter)) waiter.refuse();
  }

  async refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    return this.#space.resource(grant.name).refresh(grant.owner, ttlMs);
  }

  async downgrade(grant: Grant, units: number): Promise<boolean> {
    return this.#space.resource(grant.name).downgrade(grant.owner, units);
  }

  async release(grant: Grant): Promise<boolean> {
    const released = this.#space.resource(grant.name).release(grant.owner);
    this.#space.tidy(grant.name);
    return released;
  }

  onForced(grant: Grant, listener: () => void): () => void {
    const resource = this.#space.find(grant.name);
    resource?.onForced(grant.owner, listener);
    // Nobody will tell of what has happened already.
    if (!resource?.state.holders.some(({ owner }) => owner === grant.owner)) queueMicrotask(listener);
    return () => this.#space.find(grant.name)?.onForced(grant.owner, undefined);
  }

  async inspect(name: string): Promise<LockState> {
    const state = this.#space.resource(name).state;
    this.#space.tidy(name);
    return state;
  }

  async forceRelease(name: string): Promise<boolean> {
    const released = this.#space.resource(name).forceRelease();
    this.#space.tidy(name);
    return released;
  }

  async watch(name: string, onChange: (state: LockState) => void): Promise<Observation> {
    const resource = this.#space.resource(name);
    const unwatch = resource.watch(onChange);
    return {
      check: async () => onChange(resource.state),
      stop: async () => {
        unwatch();
        this.#space.tidy(name);
      },
    };
  }

  /** There is no connection to end: locks and counters stay, for whoever uses them next. */
  async close(): Promise<void> {
    const error = (name: string) => new LockClosedError('closed while waiting', name);
    this.#space.failWaiters(this.#owners.client, error);
    this.counters.failAll(error);
    this.#deadlines.close();
  }

  #waiter(request: LeaseRequest, resource: Resource): MemoryWaiter {
    const owner = this.#owners.next(request);
    return new MemoryWaiter(owner, request, this.#deadlines, (waiter) => {
      resource.leave(waiter);
      this.#space.tidy(request.name);
    });
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

import type { LockState } from '../core/backend.ts';
import type { Alarm, Clock } from '../core/clock.ts';
import { leaseDeadline } from '../core/deadline.ts';
import { clientOf } from '../core/owner.ts';
import type { Waiter } from '../core/waiter.ts';

interface Lease {
  readonly owner: string;
  readonly fencingToken: number;
  endsAt: number;
  onForced: (() => void) | undefined;
}

/** One name's lock in memory: who holds it, who waits, who watches. */
export class Resource {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #nextFence: () => number;
  readonly #queue = new Set<Waiter>();
  readonly #watchers = new Set<(state: LockState) => void>();
  #lease: Lease | undefined;
  #expiry: Alarm | undefined;

  constructor(name: string, clock: Clock, nextFence: () => number) {
    this.#name = name;
    this.#clock = clock;
    this.#nextFence = nextFence;
  }

  /** Whether nobody needs this object any more. */
  get idle(): boolean {
    return !this.#holder() && this.#queue.size === 0 && this.#watchers.size === 0;
  }

  get state(): LockState {
    const lease = this.#holder();
    const holders = lease
      ? [
          {
            owner: lease.owner,
            client: clientOf(lease.owner),
            units: 1,
            fencingToken: lease.fencingToken,
            remainingTtl: Math.ceil(lease.endsAt - this.#clock.now()),
          },
        ]
      : [];
    return { name: this.#name, capacity: 1, holders, waiters: this.#queue.size };
  }

  /** Grants at once if the lock is free and nobody is in line. */
  tryGrant(waiter: Waiter): boolean {
    if (this.#holder() || this.#queue.size > 0) return false;
    this.#grant(waiter);
    return true;
  }

  enqueue(waiter: Waiter): void {
    this.#queue.add(waiter);
    waiter.startTimer();
    this.#awaitExpiry();
  }

  leave(waiter: Waiter): void {
    this.#queue.delete(waiter);
    if (this.#queue.size === 0) this.#expiry?.cancel();
  }

  refresh(owner: string, ttlMs: number): boolean {
    const lease = this.#holder();
    if (lease?.owner !== owner) return false;
    lease.endsAt = this.#clock.now() + ttlMs;
    this.#awaitExpiry();
    return true;
  }

  /** Ends the lease of `owner`, or of whoever holds it, and hands the lock to the next in line. */
  release(owner?: string): boolean {
    const lease = owner === undefined ? this.#holder() : this.#lease;
    if (!lease || (owner !== undefined && lease.owner !== owner)) return false;
    this.#lease = undefined;
    if (owner === undefined) lease.onForced?.();
    const next = this.#queue.values().next().value;
    if (next) this.#grant(next);
    else this.#tellWatchers();
    return true;
  }

  onForced(owner: string, listener: (() => void) | undefined): void {
    if (this.#lease?.owner === owner) this.#lease.onForced = listener;
  }

  watch(watcher: (state: LockState) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  failWaiters(client: string, error: (name: string) => Error): void {
    for (const waiter of [...this.#queue]) {
      if (clientOf(waiter.owner) === client) waiter.fail(error(this.#name));
    }
  }

  #holder(): Lease | undefined {
    return this.#lease && this.#clock.now() < this.#lease.endsAt ? this.#lease : undefined;
  }

  #grant(waiter: Waiter): void {
    const now = this.#clock.now();
    const { ttlMs } = waiter.request;
    const fencingToken = this.#nextFence();
    this.#lease = { owner: waiter.owner, fencingToken, endsAt: now + ttlMs, onForced: undefined };
    // Ends the wait, and with it the place in the queue.
    waiter.grant(fencingToken, leaseDeadline(now, ttlMs));
    this.#awaitExpiry();
    this.#tellWatchers();
  }

  /** Only a lock that somebody waits for needs to notice by itself that the lease has ended. */
  #awaitExpiry(): void {
    this.#expiry?.cancel();
    if (this.#queue.size === 0 || !this.#lease) return;
    this.#expiry = this.#clock.callAt(this.#lease.endsAt, () => this.release(this.#lease?.owner));
  }

  #tellWatchers(): void {
    if (this.#watchers.size === 0) return;
    const state = this.state;
    for (const watcher of this.#watchers) watcher(state);
  }
}

import type { Holder, LockState } from '../core/backend.ts';
import type { Alarm, Clock } from '../core/clock.ts';
import { leaseDeadline } from '../core/deadline.ts';
import type { WakeSource } from '../core/diagnostics.ts';
import { clientOf } from '../core/owner.ts';
import { notePoke } from '../core/tracing.ts';
import type { Waiter } from '../core/waiter.ts';
import { LockCapacityError } from '../errors.ts';

interface Lease {
  readonly owner: string;
  readonly fencingToken: number;
  units: number;
  endsAt: number;
  onForced: (() => void) | undefined;
}

/** One name's lock in memory: who holds how much of it, who waits, who watches. */
export class Resource {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #nextFence: () => number;
  readonly #queue = new Set<Waiter>();
  readonly #watchers = new Set<(state: LockState) => void>();
  readonly #leases = new Map<string, Lease>();
  #capacity = 1;
  /** Units that are out. */
  #used = 0;
  /** No lease ends before. */
  #soonest = Number.POSITIVE_INFINITY;
  #expiry: Alarm | undefined;

  constructor(name: string, clock: Clock, nextFence: () => number) {
    this.#name = name;
    this.#clock = clock;
    this.#nextFence = nextFence;
  }

  /** Whether nobody needs this object any more. */
  get idle(): boolean {
    return this.#unused && this.#watchers.size === 0;
  }

  get state(): LockState {
    const capacity = this.#unused ? 1 : this.#capacity;
    const now = this.#clock.now();
    const holders = [...this.#leases.values()].map(({ owner, units, fencingToken, endsAt }): Holder => {
      return { owner, client: clientOf(owner), units, fencingToken, remainingTtl: Math.ceil(endsAt - now) };
    });
    return { name: this.#name, capacity, holders, waiters: this.#queue.size };
  }

  /** Grants at once if there are units left and nobody is in line; fails who means another capacity than the others. */
  tryGrant(waiter: Waiter): boolean {
    const { capacity } = waiter.request;
    if (this.#unused) this.#capacity = capacity;
    if (capacity !== this.#capacity) {
      waiter.fail(new LockCapacityError(this.#name, capacity, this.#capacity));
      return true;
    }
    if (this.#queue.size > 0 || !this.#fits(waiter)) return false;
    this.#grant(waiter, 'reply');
    return true;
  }

  enqueue(waiter: Waiter): void {
    this.#queue.add(waiter);
    waiter.startTimer();
    this.#serve();
  }

  leave(waiter: Waiter): void {
    // Who is granted has left before.
    if (!this.#queue.delete(waiter)) return;
    this.#serve();
  }

  refresh(owner: string, ttlMs: number): boolean {
    const lease = this.#find(owner);
    if (!lease) return false;
    lease.endsAt = this.#clock.now() + ttlMs;
    this.#soonest = Math.min(this.#soonest, lease.endsAt);
    this.#serve();
    return true;
  }

  downgrade(owner: string, units: number): boolean {
    const lease = this.#find(owner);
    if (!lease) return false;
    // An earlier one may have left less than the handle knows.
    const kept = Math.min(units, lease.units);
    this.#used -= lease.units - kept;
    lease.units = kept;
    this.#handOver();
    return true;
  }

  /** Ends the lease of `owner` and hands its units to the next in line. */
  release(owner: string): boolean {
    const lease = this.#leases.get(owner);
    if (!lease) return false;
    this.#forget([lease]);
    this.#handOn();
    return true;
  }

  /** Ends the lease of `owner`, or of whoever holds any, and tells the holders. */
  forceRelease(owner?: string): boolean {
    this.#sweep();
    const leases = [...this.#leases.values()].filter((lease) => owner === undefined || lease.owner === owner);
    if (leases.length === 0) return false;
    this.#forget(leases);
    // Whoever is told may call us, and must find its lease gone.
    for (const lease of leases) lease.onForced?.();
    this.#handOn();
    return true;
  }

  onForced(owner: string, listener: (() => void) | undefined): void {
    const lease = this.#leases.get(owner);
    if (lease) lease.onForced = listener;
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

  /** Whether nobody holds any of it or waits for it, so that it has no capacity of its own. */
  get #unused(): boolean {
    this.#sweep();
    return this.#leases.size === 0 && this.#queue.size === 0;
  }

  #find(owner: string): Lease | undefined {
    this.#sweep();
    return this.#leases.get(owner);
  }

  #fits({ request }: Waiter): boolean {
    return this.#used + request.units <= this.#capacity;
  }

  /** Forgets the leases that have ended. */
  #sweep(): void {
    const now = this.#clock.now();
    if (now < this.#soonest) return;
    this.#forget([...this.#leases.values()].filter(({ endsAt }) => endsAt <= now));
    this.#soonest = Number.POSITIVE_INFINITY;
    for (const { endsAt } of this.#leases.values()) this.#soonest = Math.min(this.#soonest, endsAt);
  }

  #forget(leases: readonly Lease[]): void {
    for (const lease of leases) {
      this.#leases.delete(lease.owner);
      this.#used -= lease.units;
    }
  }

  /** Some leases are gone. Who takes over tells the watchers, too. */
  #handOn(): void {
    if (this.#handOver() === 0) this.#tellWatchers();
  }

  /** Grants to the first in line, as long as there is enough for the first; answers to how many. */
  #handOver(wake: WakeSource = 'handoff'): number {
    let granted = 0;
    for (const waiter of this.#queue) {
      if (!this.#fits(waiter)) break;
      this.#queue.delete(waiter);
      this.#grant(waiter, wake);
      granted += 1;
    }
    return granted;
  }

  #grant(waiter: Waiter, wake: WakeSource): void {
    const now = this.#clock.now();
    const { owner } = waiter;
    const { ttlMs, units } = waiter.request;
    const fencingToken = this.#nextFence();
    const endsAt = now + ttlMs;
    this.#leases.set(owner, { owner, fencingToken, units, endsAt, onForced: undefined });
    this.#used += units;
    this.#soonest = Math.min(this.#soonest, endsAt);
    waiter.grant(fencingToken, leaseDeadline(now, ttlMs), wake);
    this.#awaitExpiry();
    this.#tellWatchers();
  }

  /** A lease that was found to have ended has made room: its alarm is not waited for, and may be cancelled. */
  #serve(wake?: WakeSource): void {
    this.#handOver(wake);
    this.#awaitExpiry();
  }

  /** Only a lock that somebody waits for needs to notice by itself that a lease has ended. */
  #awaitExpiry(): void {
    this.#expiry?.cancel();
    if (this.#queue.size === 0) return;
    this.#expiry = this.#clock.callAt(this.#soonest, () => {
      const [first] = this.#queue;
      if (first) notePoke(this.#name, first.owner, 'due');
      this.#sweep();
      this.#serve('poke');
    });
  }

  #tellWatchers(): void {
    if (this.#watchers.size === 0) return;
    const state = this.state;
    for (const watcher of this.#watchers) watcher(state);
  }
}

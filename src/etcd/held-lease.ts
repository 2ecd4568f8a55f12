import type { Grant } from '../core/backend.ts';
import type { Timed } from '../core/deadline-queue.ts';
import { newLeaseId, tagFor, tagOf } from './keys.ts';
import { grantLease, leave, type Place, readPlace, rewrite } from './protocol.ts';
import { reattach } from './reattach.ts';
import { isOneReign, type Term, termOfMaking } from './terms.ts';
import { type LeaseContext, secondsFor } from './waiting-lease.ts';

/** The key of a granted lease, and the etcd lease that it is attached to. */
export interface Hold {
  readonly at: Place;
  readonly leaseId: string;
  readonly seconds: number;
  /** The term in which that was made. */
  readonly madeIn: Term;
  /** Local instant until which it is ours, whatever the grant says. */
  readonly until?: number;
}

/** A lease that has been granted: renewed only on demand, and ended when the TTL that was asked for is over. */
export class HeldLease implements Timed {
  readonly at: Place;
  readonly grant: Grant;
  heapIndex = -1;
  deadline: number;
  /** Each that it was refreshed for: who resumes it in vain, and then again, has another one. */
  readonly #grants: Set<Grant>;
  readonly #context: LeaseContext;
  readonly #onOver: () => void;
  readonly #least: number;
  /** The etcd leases that may be there, to one of which the key is attached, with their seconds. */
  readonly #leases = new Map<string, number>();
  /** The term in which the latest of them was made. */
  #madeIn: Term;
  /** Nothing is to be refreshed any more. */
  #over = false;
  /** The key is gone, or left to its end. */
  #gone = false;
  #latestRefresh: Promise<unknown> = Promise.resolve();

  /** `onOver` is called when the lease has run out. */
  constructor(
    context: LeaseContext,
    grant: Grant,
    { at, leaseId, seconds, madeIn, until = 0 }: Hold,
    onOver: () => void,
  ) {
    this.#context = context;
    this.grant = grant;
    this.#grants = new Set([grant]);
    this.at = at;
    this.#least = until;
    this.#onOver = onOver;
    this.#leases.set(leaseId, seconds);
    this.#madeIn = madeIn;
    this.deadline = this.#until;
    context.deadlines.add(this);
  }

  /**
   * Starts the TTL anew. False: certainly not ours any more; rejects with `LockBackendError` when that is unknown. One after the
   * other: each ends the leases that it has moved the key away from, and one of those could be where another has just moved it.
   */
  refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    this.#grants.add(grant);
    const refreshed = this.#latestRefresh.then(() => this.#refresh(ttlMs));
    this.#latestRefresh = refreshed.catch(() => {});
    return refreshed;
  }

  /** Keeps fewer units. False: certainly not ours any more; rejects with `LockBackendError` when that is unknown. */
  async downgrade(units: number): Promise<boolean> {
    const { link } = this.#context;
    const { name, owner } = this.grant;
    for (;;) {
      const { key } = await link.run(readPlace(this.at), name, this.#until);
      if (!key) return false;
      const { ttlMs = this.grant.ttlMs, ...tag } = tagOf(key);
      if (tag.units <= units) return true;
      const value = tagFor(owner, ttlMs, { ...tag, units });
      // Compared with what was just read: an earlier attempt that is carried out late must not give units back.
      if (await link.run(rewrite(key, value, key.lease), name, this.#until)) return true;
    }
  }

  /** Deletes the key and what it is attached to. False: it was not there any more. */
  async release(): Promise<boolean> {
    const { link } = this.#context;
    const { name } = this.grant;
    const deadline = this.#until;
    this.stop();
    this.#over = true;
    try {
      const answer = await link.persist(leave(this.at), { giveUpAt: deadline, lockName: name });
      // What an earlier sending may have done was done by us.
      return answer.reply || answer.repeated;
    } finally {
      // Not before, also not by a refresh that ends meanwhile: the key would go with its lease, and look as if it was lost.
      this.#revokeAll();
    }
  }

  /** Leaves it to its TTL. */
  stop(): void {
    this.#context.deadlines.delete(this);
  }

  deadlinePassed(): void {
    const deadline = this.#until;
    if (deadline > this.#context.link.clock.now()) {
      this.#endAt(deadline);
      return;
    }
    // Nobody believes in it any more, and etcd would keep it up to a second longer.
    this.#over = true;
    this.#onOver();
    this.#revokeAll();
  }

  async #refresh(ttlMs: number): Promise<boolean> {
    // Released or run out while another was under way.
    if (this.#over) return false;
    const { link, keepAlives } = this.#context;
    const { name } = this.grant;
    const deadline = this.#until;
    if (deadline < this.deadline) this.#endAt(deadline);
    const current = [...this.#leases.keys()].at(-1);
    const sentAt = link.clock.now();
    // The key is looked at, too: somebody may have deleted it and left its lease alone.
    let [{ key, term }, renewed] = await Promise.all([
      link.run(readPlace(this.at), name, deadline),
      current !== undefined && this.#leases.get(current) === secondsFor(ttlMs)
        ? link.run((_client, _options, patienceMs) => keepAlives.renew(current, patienceMs), name, deadline)
        : false,
    ]);
    // In the meantime a leader may have been replaced: only a look after the renewal tells.
    if (term === this.#madeIn && !isOneReign(link, sentAt)) {
      ({ key, term } = await link.run(readPlace(this.at), name, deadline));
    }
    if (!key) return false;
    if (renewed && key.lease === current && term === this.#madeIn) return true;
    try {
      return await this.#renewWith(newLeaseId(), ttlMs);
    } finally {
      // Released or run out meanwhile: what was made since is nobody's, and may have been made after it was ended.
      if (this.#gone) this.#revokeAll();
    }
  }

  #endAt(deadline: number): void {
    this.#context.deadlines.delete(this);
    this.deadline = deadline;
    this.#context.deadlines.add(this);
  }

  /** Until when somebody may believe in it. */
  get #until(): number {
    return Math.max(this.#least, ...Array.from(this.#grants, ({ deadline }) => deadline));
  }

  /** etcd cannot change a lease's TTL, so the key moves to a new lease; it keeps its create revision. */
  async #renewWith(leaseId: string, ttlMs: number): Promise<boolean> {
    const { link, chores } = this.#context;
    const { name, owner } = this.grant;
    const deadline = this.#until;
    const seconds = secondsFor(ttlMs);
    const before = [...this.#leases];
    // From now on it may be there, and then the key may be attached to it, should an answer get lost.
    this.#leases.set(leaseId, seconds);
    this.#madeIn = await termOfMaking(link, () => link.run(grantLease(leaseId, seconds), name, deadline));
    const moved = await reattach(this.at, leaseId, {
      ask: (call) => link.run(call, name, deadline),
      valueFor: (key) => tagFor(owner, ttlMs, tagOf(key)),
    });
    if (!moved) {
      this.#over = true;
      // Also if that is by a release whose answer is still out.
      this.#gone = true;
      return false;
    }
    for (const [old, oldSeconds] of before) {
      this.#leases.delete(old);
      chores.revoke(old, oldSeconds);
    }
    return true;
  }

  #revokeAll(): void {
    this.#gone = true;
    for (const [leaseId, seconds] of this.#leases) this.#context.chores.revoke(leaseId, seconds);
  }
}

import type { Grant } from '../core/backend.ts';
import { leaseDeadline } from '../core/deadline.ts';
import { HeldLease, type Hold } from './held-lease.ts';
import type { Keys } from './keys.ts';
import { findKey, type Place } from './protocol.ts';
import { standingOf } from './standings.ts';
import { UNKNOWN_TERM } from './terms.ts';
import { type LeaseContext, secondsFor } from './waiting-lease.ts';

export interface HeldLeasesContext extends LeaseContext {
  readonly keys: Keys;
}

/** The leases that are held here, by their owner ids. */
export class HeldLeases {
  readonly #context: HeldLeasesContext;
  readonly #held = new Map<string, HeldLease>();

  constructor(context: HeldLeasesContext) {
    this.#context = context;
  }

  add(grant: Grant, hold: Hold): HeldLease {
    const held = new HeldLease(this.#context, grant, hold, () => this.#held.delete(grant.owner));
    this.#held.set(grant.owner, held);
    return held;
  }

  /** Where the key of a lease is; undefined if it is not held here. */
  placeOf({ owner }: Grant): Place | undefined {
    return this.#held.get(owner)?.at;
  }

  /** As `LockBackend.refresh`. */
  async refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    const held = this.#held.get(grant.owner) ?? (await this.#adopt(grant, ttlMs));
    return (await held?.refresh(grant, ttlMs)) ?? false;
  }

  /** As `LockBackend.downgrade`. */
  async downgrade(grant: Grant, units: number): Promise<boolean> {
    return (await this.#held.get(grant.owner)?.downgrade(units)) ?? false;
  }

  /** As `LockBackend.release`. */
  async release(grant: Grant): Promise<boolean> {
    const held = this.#held.get(grant.owner);
    this.#held.delete(grant.owner);
    return (await held?.release()) ?? false;
  }

  /** Leaves a lease to whoever goes on with it. */
  forget({ owner }: Grant): void {
    this.#held.get(owner)?.stop();
    this.#held.delete(owner);
  }

  /** Leaves all of them to their TTLs. */
  stop(): void {
    for (const held of this.#held.values()) held.stop();
    this.#held.clear();
  }

  /** Goes on with a lease that another process was granted. Its fence is the create revision of its key. */
  async #adopt(grant: Grant, ttlMs: number): Promise<HeldLease | undefined> {
    const { link, keys } = this.#context;
    const { name, owner, fencingToken } = grant;
    const until = leaseDeadline(link.clock.now(), ttlMs);
    const key = await link.run(findKey(keys.line(name), fencingToken), name);
    const standing = key && standingOf(key);
    if (standing?.owner !== owner || standing.ttlMs === undefined) return undefined;
    const { place, lease } = standing;
    const seconds = secondsFor(standing.ttlMs);
    const hold = { at: place, leaseId: lease, seconds, madeIn: UNKNOWN_TERM, until };
    // Two may have asked at once.
    return this.#held.get(owner) ?? this.add(grant, hold);
  }
}

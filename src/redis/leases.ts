import type { Grant } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import { Registry } from '../core/registry.ts';

/** From this many on, leases that ran out unreleased are forgotten now and then. */
const PRUNE_FROM = 1_024;

/** Who wants to hear of the end of a lease by force. */
export interface ForcedListener {
  forced(): void;
  /** The inbox was deaf for a while: that may have been missed. */
  missed(): void;
}

/** Leases that are known to be held: a message about one is no surprise. */
export class Leases {
  readonly #clock: Clock;
  readonly #known = new Registry<Grant>();
  readonly #listeners = new Map<string, { readonly name: string; readonly listener: ForcedListener }>();
  #pruneAt = PRUNE_FROM;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(grant: Grant): void {
    if (this.#known.size >= this.#pruneAt) this.#prune();
    if (!this.has(grant.owner)) this.#known.add(grant.owner, grant);
  }

  has(owner: string): boolean {
    return this.#known.get(owner) !== undefined;
  }

  delete({ owner }: Pick<Grant, 'owner'>): void {
    this.#known.delete(owner);
  }

  /** Tells `listener` when the server says that the lease was released by force; returns how to stop. */
  onForced({ name, owner }: Grant, listener: ForcedListener): () => void {
    this.#listeners.set(owner, { name, listener });
    return () => this.#listeners.delete(owner);
  }

  forced(owner: string): void {
    this.#listeners.get(owner)?.listener.forced();
  }

  /** The inbox of one lock, or of all, was deaf for a while. */
  missed(name?: string): void {
    for (const { name: its, listener } of this.#listeners.values()) {
      if (name === undefined || name === its) listener.missed();
    }
  }

  #prune(): void {
    const now = this.#clock.now();
    for (const grant of this.#known.values()) if (grant.deadline <= now) this.delete(grant);
    this.#pruneAt = Math.max(PRUNE_FROM, this.#known.size * 2);
  }
}

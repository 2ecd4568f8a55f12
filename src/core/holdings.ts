import { LinkedSet } from './linked-set.ts';
import type { Lock } from './lock.ts';
import type { HeldEntry } from './request.ts';

/** From this many leases on, those that ran out unreleased are looked for now and then. */
const PRUNE_FROM = 1_024;

/** The leases that one client has: those that its requests came to, and those that others have handed to it. */
export class Holdings {
  readonly #entries = new LinkedSet<HeldEntry>();
  #pruneAt = PRUNE_FROM;

  add(entry: HeldEntry): void {
    this.#entries.add(entry);
    if (this.#entries.size >= this.#pruneAt) this.#prune();
  }

  delete(entry: HeldEntry): void {
    this.#entries.delete(entry);
  }

  /** Those of the scopes that are included, oldest first. Some may have run out. */
  locks(includes: (scope: object) => boolean = () => true): Lock[] {
    return this.#entries.toArray().flatMap(({ lock, scope }) => (lock && includes(scope) ? [lock] : []));
  }

  /** Asking for the time left makes a lease notice its end, and leave. */
  #prune(): void {
    for (const lock of this.locks()) void lock.remaining;
    this.#pruneAt = Math.max(PRUNE_FROM, this.#entries.size * 2);
  }
}

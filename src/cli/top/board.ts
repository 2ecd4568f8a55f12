import type { ListedLock } from '../../core/listing.ts';
import { ttlOf } from '../../core/owner.ts';
import { byName } from '../list.ts';

/** One lock on the board. Instants are local, in ms, so that what was read a while ago can be shown as it is now. */
export interface Row {
  readonly name: string;
  readonly lock: ListedLock;
  /** When the longest of its leases was granted; Infinity if nobody holds it. */
  readonly grantedAt: number;
  /** When the first of its leases ends; Infinity if nobody holds it. */
  readonly endsAt: number;
  /** How long that lease was asked for. */
  readonly ttlMs: number;
  readonly waiters: number;
}

/** What the rows are sorted by. */
export const SORTS = ['name', 'held', 'ttl', 'waiters', 'handoffs'] as const;
export type Sort = (typeof SORTS)[number];

/** All locks that are known, as of when each was last read. */
export class Board {
  readonly #rows = new Map<string, Row>();
  #seen = new Set<string>();

  get size(): number {
    return this.#rows.size;
  }

  /** How many wait, over all locks. */
  get waiters(): number {
    let sum = 0;
    for (const { waiters } of this.#rows.values()) sum += waiters;
    return sum;
  }

  get(name: string): Row | undefined {
    return this.#rows.get(name);
  }

  /**
   * Puts down what was read at the local instant `at`. One that is free just now stays, as free, until a look at all locks does
   * not find it: a busy lock comes back in a moment.
   */
  put(lock: ListedLock, at: number): void {
    this.#rows.set(lock.name, rowOf(lock, at));
    if (lock.holders.length > 0 || lock.waiters > 0) this.#seen.add(lock.name);
  }

  /** All locks have been read once: those that were not among them are gone. */
  swept(): void {
    for (const name of this.#rows.keys()) if (!this.#seen.has(name)) this.#rows.delete(name);
    this.#seen = new Set();
  }

  /** The names in order: most first, but for names. `rateOf` is handoffs per second, of those that are counted. */
  sorted(sort: Sort, reverse: boolean, rateOf: (name: string) => number): string[] {
    const rows = [...this.#rows.values()];
    const compare = COMPARE[sort](rateOf);
    const direction = reverse ? -1 : 1;
    rows.sort((one, other) => direction * (compare(one, other) || byName(one, other)));
    return rows.map(({ name }) => name);
  }
}

type Compare = (one: Row, other: Row) => number;

const COMPARE: Record<Sort, (rateOf: (name: string) => number) => Compare> = {
  name: () => byName,
  held: () => (one, other) => difference(one.grantedAt, other.grantedAt),
  ttl: () => (one, other) => difference(one.endsAt, other.endsAt),
  waiters: () => (one, other) => other.waiters - one.waiters,
  handoffs: (rateOf) => (one, other) => rateOf(other.name) - rateOf(one.name),
};

/** Also of two that are infinite. */
function difference(one: number, other: number): number {
  return one === other ? 0 : one - other;
}

function rowOf(lock: ListedLock, at: number): Row {
  const { name, holders, waiters } = lock;
  let grantedAt = Number.POSITIVE_INFINITY;
  let endsAt = Number.POSITIVE_INFINITY;
  let ttlMs = 0;
  for (const { owner, heldFor, remainingTtl } of holders) {
    grantedAt = Math.min(grantedAt, at - heldFor);
    if (at + remainingTtl >= endsAt) continue;
    endsAt = at + remainingTtl;
    // A refresh may have asked for more than the owner id says.
    ttlMs = Math.max(ttlOf(owner) || 0, remainingTtl);
  }
  return { name, lock, grantedAt, endsAt, ttlMs, waiters };
}

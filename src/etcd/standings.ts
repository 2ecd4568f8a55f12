import type { IKeyValue } from 'etcd3';
import { type Tag, tagOf } from './keys.ts';
import type { Place } from './protocol.ts';

/** One key in a line, and what it says. */
export interface Standing extends Tag {
  readonly place: Place;
  readonly lease: string;
}

/** Who holds what of a resource. */
export interface Occupancy {
  readonly capacity: number;
  readonly holders: readonly Standing[];
  readonly waiters: number;
}

/**
 * The keys of a line, or its beginning, and which of them hold. The capacity is that of the first. A key with another
 * stands in the way like one that is too big: it is there by mistake and about to leave, or leads once it is the first.
 */
export class Standings {
  readonly #holders = new Map<string, Standing>();
  readonly #waiting = new Map<string, Standing>();
  /** Those that are not of this library: they know no capacities, and leave only when they have had their turn. */
  readonly #strangers = new Map<string, Standing>();
  readonly #onHolder: (id: string) => void;
  #capacity = 1;
  #units = 0;

  /** `onHolder` is told of each key that comes to hold. */
  constructor(keys: readonly IKeyValue[] = [], onHolder: (id: string) => void = () => {}) {
    this.#onHolder = onHolder;
    for (const key of keys) this.put(key);
  }

  get capacity(): number {
    return this.#holders.size > 0 ? this.#capacity : 1;
  }

  get occupancy(): Occupancy {
    return { capacity: this.capacity, holders: [...this.#holders.values()], waiters: this.#waiting.size };
  }

  /** Whether this very key, and not another of the same name, is in line. */
  has({ key, createRevision }: Place): boolean {
    const id = idOf(key);
    const standing = this.#holders.get(id) ?? this.#waiting.get(id);
    return standing?.place.createRevision === createRevision;
  }

  holds(place: Place): boolean {
    return this.has(place) && this.#holders.has(idOf(place.key));
  }

  /** Whether somebody who comes last would hold at once. */
  hasRoom(units: number, capacity: number): boolean {
    if (this.#holders.size === 0) return true;
    return this.#waiting.size === 0 && this.#fits({ units, capacity });
  }

  /** The capacity that whoever comes at this revision has to give way to, if it is another than its own. */
  clash(capacity: number, createRevision = Number.POSITIVE_INFINITY): number | undefined {
    const [first] = this.#holders.values();
    if (first && first.place.createRevision < createRevision && this.#capacity !== capacity) {
      return this.#capacity;
    }
    if (capacity === 1) return undefined;
    const strangers = [...this.#strangers.values()];
    return strangers.some(({ place }) => place.createRevision < createRevision) ? 1 : undefined;
  }

  /** A key that is new, at the end, or that was written anew. Returns whether who holds how much has changed. */
  put(key: IKeyValue): boolean {
    const id = idOf(key.key);
    const standing = standingOf(key);
    const before = this.#holders.get(id);
    if (before) this.#units += standing.units - before.units;
    (before ? this.#holders : this.#waiting).set(id, standing);
    if (standing.ttlMs === undefined) this.#strangers.set(id, standing);
    return this.#admit() || before !== undefined;
  }

  /** Returns whether who holds how much has changed. */
  delete(key: Buffer): boolean {
    const id = idOf(key);
    const holder = this.#holders.get(id);
    if (holder) this.#units -= holder.units;
    this.#holders.delete(id);
    this.#waiting.delete(id);
    this.#strangers.delete(id);
    return this.#admit() || holder !== undefined;
  }

  #fits({ units, capacity }: Pick<Tag, 'units' | 'capacity'>): boolean {
    return capacity === this.#capacity && this.#units + units <= capacity;
  }

  #admit(): boolean {
    let changed = false;
    for (const [id, standing] of this.#waiting) {
      if (this.#holders.size === 0) this.#capacity = standing.capacity;
      else if (!this.#fits(standing)) break;
      this.#waiting.delete(id);
      this.#holders.set(id, standing);
      this.#units += standing.units;
      this.#onHolder(id);
      changed = true;
    }
    return changed;
  }
}

/** Keys are bytes; in this encoding no two look alike. */
export function idOf(key: Buffer): string {
  return key.toString('latin1');
}

export function standingOf(key: IKeyValue): Standing {
  const place = { key: key.key, createRevision: Number(key.create_revision) };
  return { ...tagOf(key), place, lease: key.lease };
}

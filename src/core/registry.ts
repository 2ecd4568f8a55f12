/**
 * A map by name for values that come and go all the time. Whoever is alone in it needs no table, which V8 would make anew every
 * few times that it fills and empties; and the table holds numbers, so that what V8 keeps of it (see `LinkedSet`) is not the values
 * and all that they refer to.
 */
export class Registry<T> {
  #soleKey: string | undefined;
  #sole: T | undefined;
  readonly #slots: (T | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #slotOf = new Map<string, number>();

  get size(): number {
    return this.#slotOf.size + (this.#soleKey === undefined ? 0 : 1);
  }

  get(key: string): T | undefined {
    if (this.#soleKey === key) return this.#sole;
    // Looking for a key takes longer than to see that there is none.
    if (this.#slotOf.size === 0) return undefined;
    const slot = this.#slotOf.get(key);
    return slot === undefined ? undefined : this.#slots[slot];
  }

  /** The key must not be taken. */
  add(key: string, value: T): void {
    if (this.#soleKey === undefined) {
      this.#soleKey = key;
      this.#sole = value;
      return;
    }
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = value;
    this.#slotOf.set(key, slot);
  }

  delete(key: string): void {
    if (this.#soleKey === key) {
      this.#soleKey = undefined;
      this.#sole = undefined;
      return;
    }
    if (this.#slotOf.size === 0) return;
    const slot = this.#slotOf.get(key);
    if (slot === undefined) return;
    this.#slotOf.delete(key);
    this.#slots[slot] = undefined;
    this.#free.push(slot);
  }

  /** The values as they are now, in no order. */
  values(): T[] {
    const sole = this.#soleKey === undefined ? [] : [this.#sole as T];
    return [...this.#slotOf.values()].map((slot) => this.#slots[slot] as T).concat(sole);
  }
}

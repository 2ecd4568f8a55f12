/**
 * A map by name for values that come and go by the thousand: the table holds numbers, so that what V8 keeps of it (see
 * `LinkedSet`) is not the values and all that they refer to.
 */
export class Registry<T> {
  readonly #slots: (T | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #slotOf = new Map<string, number>();

  get(key: string): T | undefined {
    const slot = this.#slotOf.get(key);
    return slot === undefined ? undefined : this.#slots[slot];
  }

  /** The key must not be taken. */
  add(key: string, value: T): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = value;
    this.#slotOf.set(key, slot);
  }

  delete(key: string): void {
    const slot = this.#slotOf.get(key);
    if (slot === undefined) return;
    this.#slotOf.delete(key);
    this.#slots[slot] = undefined;
    this.#free.push(slot);
  }
}

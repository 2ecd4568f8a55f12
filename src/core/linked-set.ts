/** What can be in a `LinkedSet`, in one at a time. */
export interface Linked {
  /** @internal Undefined in who is in none. */
  before: Linked | undefined;
  /** @internal Undefined in who is in none. */
  after: Linked | undefined;
}

/**
 * A set in the order of arrival for members that come and go by the thousand. V8 keeps what was in a `Set` or `Map`
 * this busy alive from one minor collection to the next; here a member that leaves is linked to nothing.
 */
export class LinkedSet<T extends Linked> {
  readonly #ring: Linked = { before: undefined, after: undefined };
  #size = 0;

  constructor() {
    this.#ring.before = this.#ring;
    this.#ring.after = this.#ring;
  }

  get size(): number {
    return this.#size;
  }

  /** Who has been in it for the longest time. */
  get first(): T | undefined {
    const { after } = this.#ring;
    return after === this.#ring ? undefined : (after as T);
  }

  add(member: T): void {
    const ring = this.#ring;
    const last = ring.before as Linked;
    member.before = last;
    member.after = ring;
    last.after = member;
    ring.before = member;
    this.#size += 1;
  }

  /** False when it was not there. */
  delete(member: T): boolean {
    const { before, after } = member;
    if (!before || !after) return false;
    before.after = after;
    after.before = before;
    member.before = undefined;
    member.after = undefined;
    this.#size -= 1;
    return true;
  }

  /** The members as they are now. */
  toArray(): T[] {
    const members: T[] = [];
    for (let member = this.#ring.after; member && member !== this.#ring; member = member.after) {
      members.push(member as T);
    }
    return members;
  }
}

import type { Alarm, Clock } from './clock.ts';

/** What can be in a `DeadlineQueue`, in one at a time. */
export interface Timed {
  /** Local instant. */
  readonly deadline: number;
  /** Where it is in the queue; −1 when it is in none. */
  heapIndex: number;
  /** Called once, when the deadline has passed; it is in the queue no more. */
  deadlinePassed(): void;
}

/**
 * Deadlines by the thousand on one timer: a binary heap whose members know where they are, so that most leave early at
 * little cost (Williams, "Algorithm 232: Heapsort", 1964).
 */
export class DeadlineQueue {
  readonly clock: Clock;
  readonly #heap: Timed[] = [];
  #alarm: Alarm | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Does nothing for a member that is in already, or whose deadline is Infinity. */
  add(member: Timed): void {
    if (member.heapIndex >= 0 || member.deadline === Number.POSITIVE_INFINITY) return;
    this.#rise(member, this.#heap.length);
    if (member.deadline < this.#alarmAt) this.#arm(member.deadline);
    else if (this.#heap.length === 1) this.#alarm?.ref();
  }

  delete(member: Timed): void {
    const hole = member.heapIndex;
    if (hole < 0) return;
    member.heapIndex = -1;
    const last = this.#heap.pop();
    if (last && last !== member) {
      this.#sink(last, hole);
      this.#rise(last, last.heapIndex);
    }
    // The alarm stays, and looks again: most of the time the earliest is the next to leave, and another one is soon to come.
    if (this.#heap.length === 0) this.#alarm?.unref();
  }

  /** Nobody will be added any more. */
  close(): void {
    this.#disarm();
  }

  #arm(instant: number): void {
    this.#alarm?.cancel();
    this.#alarmAt = instant;
    this.#alarm = this.clock.callAt(instant, this.#onAlarm);
  }

  #disarm(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#alarmAt = Number.POSITIVE_INFINITY;
  }

  readonly #onAlarm = (): void => {
    this.#disarm();
    const now = this.clock.now();
    for (let first = this.#heap[0]; first && first.deadline <= now; first = this.#heap[0]) {
      this.delete(first);
      first.deadlinePassed();
    }
    const next = this.#heap[0];
    if (next && next.deadline < this.#alarmAt) this.#arm(next.deadline);
  };

  /** Puts a member in at `index` or as far above as its deadline demands. */
  #rise(member: Timed, index: number): void {
    let at = index;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above] as Timed;
      if (parent.deadline <= member.deadline) break;
      this.#put(parent, at);
      at = above;
    }
    this.#put(member, at);
  }

  /** As `rise`, downwards. */
  #sink(member: Timed, index: number): void {
    let at = index;
    for (;;) {
      const left = 2 * at + 1;
      const one = this.#heap[left];
      const other = this.#heap[left + 1];
      if (!one) break;
      const child = other && other.deadline < one.deadline ? other : one;
      if (child.deadline >= member.deadline) break;
      const next = child.heapIndex;
      this.#put(child, at);
      at = next;
    }
    this.#put(member, at);
  }

  #put(member: Timed, index: number): void {
    this.#heap[index] = member;
    member.heapIndex = index;
  }
}

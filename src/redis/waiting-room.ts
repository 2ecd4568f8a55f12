import type { DeadlineQueue, Timed } from '../core/deadline-queue.ts';
import { LinkedSet } from '../core/linked-set.ts';
import type { Acquisition } from './acquisition.ts';

/** Spreads the pokes of many clients that wait for the same lock, in ms. */
const POKE_JITTER_MS = 50;
/** A lease ends at a whole ms of the server's clock; a poke before that would be in vain. */
const POKE_MARGIN_MS = 2;

/** An exchange with the server: at the local instant `sentAt` or later, its clock read `serverUs`. */
export interface Anchor {
  readonly sentAt: number;
  readonly serverUs: number;
}

/**
 * This client's waiters for one name. They share one deadline, the poke: the first of them asks again when the holder's
 * lease has run out, and at the latest when the safety net is due. That is all that is ever asked while waiting.
 */
export class WaitingRoom implements Timed {
  /** The latest exchange with the server, which dates its grants; none after a reconnect. */
  anchor: Anchor | undefined;
  heapIndex = -1;
  /** When it is looked whether the poke is due: not after it is. */
  deadline = 0;
  readonly #deadlines: DeadlineQueue;
  readonly #safetyNetMs: number;
  readonly #queued = new LinkedSet<Acquisition>();
  #recovering = false;
  #poker: Acquisition | undefined;
  #pokeAt = 0;

  constructor(deadlines: DeadlineQueue, safetyNetMs: number) {
    this.#deadlines = deadlines;
    this.#safetyNetMs = safetyNetMs;
  }

  get empty(): boolean {
    return this.#queued.size === 0;
  }

  /** Who waits here, in the order in which they were told to. */
  get all(): Acquisition[] {
    return this.#queued.toArray();
  }

  /** Somebody has been told to queue, behind a lease that ends in `leftMs`. */
  admit(acquisition: Acquisition, anchor: Anchor, leftMs: number, now: number): void {
    this.anchor = anchor;
    if (acquisition.room !== this) this.#queued.add(acquisition);
    acquisition.room = this;
    if (this.#poker === acquisition) this.#poker = undefined;
    this.#pokeIn(leftMs, now);
  }

  /** Somebody does not wait any more; `leaseMs` is the length of the lease if that is because it was granted. */
  leave(acquisition: Acquisition, leaseMs: number | undefined): void {
    this.#queued.delete(acquisition);
    const wasPoker = this.#poker === acquisition;
    if (wasPoker) this.#poker = undefined;
    if (this.empty) this.#deadlines.delete(this);
    else if (leaseMs !== undefined && this.#isNext(acquisition, leaseMs)) this.#pokeIn(leaseMs);
    else if (wasPoker) this.#poke();
  }

  /** The server has forgotten the place of one of us. Whether it has forgotten the others only asking tells. */
  async askNeighbours(of: Acquisition): Promise<void> {
    // The answers to that may say the same, again and again.
    if (this.#recovering) return;
    this.#recovering = true;
    const others = this.all.filter((acquisition) => acquisition !== of);
    await Promise.all(others.map((acquisition) => acquisition.askAgain('forgotten')));
    this.#recovering = false;
  }

  deadlinePassed(): void {
    if (this.#deadlines.clock.now() < this.#pokeAt) this.#look();
    else this.#poke();
  }

  /** Whether a lease that was just granted is the next to end: that of a mutex, or one shorter than all that we know of. */
  #isNext({ request }: Acquisition, leaseMs: number): boolean {
    return request.capacity === 1 || this.#deadlines.clock.now() + leaseMs < this.#pokeAt;
  }

  #pokeIn(leftMs: number, now = this.#deadlines.clock.now()): void {
    const delay = Math.min(leftMs + POKE_MARGIN_MS + Math.random() * POKE_JITTER_MS, this.#safetyNetMs);
    this.#pokeAt = now + delay;
    // Who looks too early looks again; to set it anew at each grant would cost more.
    if (this.heapIndex < 0 || this.#pokeAt < this.deadline) this.#look();
  }

  /** Looks again when the poke is due. */
  #look(): void {
    this.#deadlines.delete(this);
    this.deadline = this.#pokeAt;
    this.#deadlines.add(this);
  }

  #poke(): void {
    if (this.#poker) return;
    const { first } = this.#queued;
    this.#poker = first;
    void first?.askAgain('due');
  }
}

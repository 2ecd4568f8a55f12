import type { DeadlineQueue, Timed } from '../core/deadline-queue.ts';
import { LockBackendError } from '../errors.ts';
import type { Chores } from './chores.ts';
import type { KeepAlives } from './keep-alives.ts';
import { newLeaseId } from './keys.ts';
import type { EtcdLink, Persistence } from './link.ts';
import { grantLease } from './protocol.ts';
import { type Term, termOfMaking, UNKNOWN_TERM } from './terms.ts';

export interface LeaseContext {
  readonly link: EtcdLink;
  readonly keepAlives: KeepAlives;
  readonly deadlines: DeadlineQueue;
  readonly chores: Chores;
}

/** etcd counts a lease's TTL in whole seconds. */
export function secondsFor(ttlMs: number): number {
  return Math.max(1, Math.ceil(ttlMs / 1_000));
}

/** An etcd lease that is kept alive, at a third of its TTL, while its owner waits. */
export class WaitingLease implements Timed {
  readonly id = newLeaseId();
  readonly seconds: number;
  heapIndex = -1;
  deadline = Number.POSITIVE_INFINITY;
  /** Local instant *before* the last keepalive was sent that etcd has confirmed. */
  confirmedAt: number;
  /** The term in which it was made. */
  madeIn: Term = UNKNOWN_TERM;
  /** No leader takes it for over before it has lasted for its TTL from `confirmedAt`. */
  certain = true;
  readonly #context: LeaseContext;
  readonly #onEnd: (failure?: LockBackendError) => void;
  #kept = true;

  /** `onEnd` is called when etcd says that the lease has ended, or can't be asked any more. */
  constructor(context: LeaseContext, ttlMs: number, onEnd: (failure?: LockBackendError) => void) {
    this.#context = context;
    this.#onEnd = onEnd;
    this.seconds = secondsFor(ttlMs);
    this.confirmedAt = context.link.clock.now();
  }

  /** Makes it on the server. */
  async begin(persistence: Persistence): Promise<void> {
    const { link } = this.#context;
    this.confirmedAt = link.clock.now();
    this.madeIn = await termOfMaking(link, async () => {
      return (await link.persist(grantLease(this.id, this.seconds), persistence)).reply;
    });
    if (this.#kept) this.#renewAt(this.confirmedAt + this.#intervalMs);
  }

  /** False when the lease has ended; rejects with `LockBackendError` when that is not known. */
  async renew(patienceMs = this.#context.link.commandTimeoutMs): Promise<boolean> {
    const { link, keepAlives } = this.#context;
    const sentAt = link.clock.now();
    const renewed = await keepAlives.renew(this.id, Math.min(patienceMs, this.#intervalMs));
    if (renewed) {
      this.confirmedAt = Math.max(this.confirmedAt, sentAt);
      // By whichever leader: that takes a look.
      this.certain = false;
    }
    return renewed;
  }

  deadlinePassed(): void {
    this.#context.chores.add(this.#keep());
  }

  /** Keeps it alive no more: its TTL decides, or whoever has it now. */
  stop(): void {
    this.#kept = false;
    this.#context.deadlines.delete(this);
  }

  /** Ends it, and with it the key that is attached to it. */
  revoke(): void {
    this.stop();
    this.#context.chores.revoke(this.id, this.seconds);
  }

  get #intervalMs(): number {
    return (this.seconds * 1_000) / 3;
  }

  async #keep(): Promise<void> {
    const { clock } = this.#context.link;
    try {
      if (!(await this.renew())) {
        if (this.#kept) this.#onEnd();
        return;
      }
      this.#renewAt(this.confirmedAt + this.#intervalMs);
    } catch (error) {
      if (!(error instanceof LockBackendError)) throw error;
      if (!error.retryable && this.#kept) this.#onEnd(error);
      else this.#renewAt(clock.now() + this.#intervalMs / 4);
    }
  }

  #renewAt(instant: number): void {
    if (!this.#kept) return;
    this.deadline = instant;
    this.#context.deadlines.add(this);
  }
}

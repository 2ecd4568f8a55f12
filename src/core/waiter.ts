import { LockTimeoutError } from '../errors.ts';
import type { Canceller, Grant, LeaseRequest } from './backend.ts';
import type { DeadlineQueue, Timed } from './deadline-queue.ts';
import type { WakeSource } from './diagnostics.ts';
import type { Linked } from './linked-set.ts';

const SETTLED = Promise.resolve();

/** One request that a backend works on: its owner id, its wait deadline and its ways to end. */
export abstract class Waiter implements Canceller, Timed, Linked {
  before: Linked | undefined;
  after: Linked | undefined;
  /** Those who have been handed their lock, and are forgotten together in a moment: `queueMicrotask` takes long for each. */
  static readonly #leaving: Waiter[] = [];
  /** What it is known by to the server. */
  owner: string;
  readonly request: LeaseRequest;
  outcome: 'waiting' | 'granted' | 'refused' | 'failed' = 'waiting';
  /** What was granted. */
  lease: Grant | undefined;
  heapIndex = -1;
  readonly #deadlines: DeadlineQueue;

  constructor(owner: string, request: LeaseRequest, deadlines: DeadlineQueue) {
    this.owner = owner;
    this.request = request;
    this.#deadlines = deadlines;
    request.canceller = this;
  }

  get deadline(): number {
    return this.request.deadline;
  }

  /** Starts the wait timer; until then somebody else has to watch the deadline. */
  startTimer(now = this.#deadlines.clock.now()): void {
    if (this.outcome !== 'waiting') return;
    // Another turn of the event loop for a timer would make it later still.
    if (now < this.deadline) this.#deadlines.add(this);
    else this.deadlinePassed();
  }

  timeoutError(): LockTimeoutError {
    const { name, askedAt } = this.request;
    return new LockTimeoutError(name, this.#deadlines.clock.now() - askedAt);
  }

  deadlinePassed(): void {
    this.fail(this.whyTooLate());
  }

  cancel(reason: unknown): void {
    this.fail(reason);
  }

  grant(fencingToken: number, deadline: number, wake: WakeSource): void {
    if (this.outcome !== 'waiting') return;
    const lease = this.#take(fencingToken, deadline);
    this.#forget();
    this.request.granted(lease, wake);
  }

  /** As `grant`, but tells the caller before anything is tidied up: with a handoff each µs is one that the lock is idle. */
  handOver(fencingToken: number, deadline: number): void {
    if (this.outcome !== 'waiting') return;
    try {
      this.request.granted(this.#take(fencingToken, deadline), 'handoff');
    } finally {
      // After the turn of whoever awaits the lock, which is in the queue by now.
      Waiter.#leaving.push(this);
      if (Waiter.#leaving.length === 1) void SETTLED.then(Waiter.#forgetLeaving);
    }
  }

  /** Somebody else has the lock, and this one does not wait. */
  refuse(): void {
    if (this.outcome !== 'waiting') return;
    this.outcome = 'refused';
    this.#forget();
    this.request.refused();
  }

  fail(reason: unknown): void {
    if (this.outcome !== 'waiting') return;
    this.outcome = 'failed';
    this.#forget();
    this.request.failed(reason);
  }

  /** What it fails with when its deadline has passed. */
  protected whyTooLate(): unknown {
    return this.timeoutError();
  }

  /** Called once, soon after the outcome is known, to forget the waiter. */
  protected abstract ended(): void;

  #take(fencingToken: number, deadline: number): Grant {
    const { name, units, ttlMs } = this.request;
    this.outcome = 'granted';
    this.lease = { name, owner: this.owner, fencingToken, units, ttlMs, deadline };
    return this.lease;
  }

  static readonly #forgetLeaving = (): void => {
    for (let waiter = Waiter.#leaving.pop(); waiter; waiter = Waiter.#leaving.pop()) waiter.#forget();
  };

  #forget(): void {
    this.#deadlines.delete(this);
    this.ended();
  }
}

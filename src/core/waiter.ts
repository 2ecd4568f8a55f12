import pDefer, { type DeferredPromise } from 'p-defer';
import { LockTimeoutError } from '../errors.ts';
import type { Grant, LeaseRequest } from './backend.ts';
import type { Alarm, Clock } from './clock.ts';

/** One acquire that is under way: its promise, its wait deadline and its ways to end. */
export class Waiter {
  readonly owner: string;
  readonly request: LeaseRequest;
  outcome: 'waiting' | 'granted' | 'failed' = 'waiting';
  /** What was granted. */
  lease: Grant | undefined;
  readonly #clock: Clock;
  readonly #deferred: DeferredPromise<Grant> = pDefer();
  readonly #onEnd: (waiter: Waiter) => void;
  #alarm: Alarm | undefined;

  /** `onEnd` is called once, right after the outcome is known, to forget the waiter. */
  constructor(owner: string, request: LeaseRequest, clock: Clock, onEnd: (waiter: Waiter) => void) {
    this.owner = owner;
    this.request = request;
    this.#clock = clock;
    this.#onEnd = onEnd;
    request.onCancel((reason) => this.fail(reason));
  }

  get promise(): Promise<Grant> {
    return this.#deferred.promise;
  }

  /** Starts the wait timer; until then somebody else has to watch the deadline. */
  startTimer(onDeadline: () => unknown = () => this.timeoutError()): void {
    if (this.#alarm || this.outcome !== 'waiting' || this.request.deadline === Number.POSITIVE_INFINITY)
      return;
    this.#alarm = this.#clock.callAt(this.request.deadline, () => this.fail(onDeadline()));
  }

  timeoutError(): LockTimeoutError {
    return new LockTimeoutError(this.request.name, this.#clock.now() - this.request.askedAt);
  }

  grant(fencingToken: number, deadline: number): void {
    if (this.outcome !== 'waiting') return;
    const { name, ttlMs } = this.request;
    this.lease = { name, owner: this.owner, fencingToken, ttlMs, deadline };
    this.#end('granted');
    this.#deferred.resolve(this.lease);
  }

  fail(reason: unknown): void {
    if (this.outcome !== 'waiting') return;
    this.#end('failed');
    this.#deferred.reject(reason);
  }

  #end(outcome: 'granted' | 'failed'): void {
    this.outcome = outcome;
    this.#alarm?.cancel();
    this.#onEnd(this);
  }
}

import type { Alarm, Clock } from '../core/clock.ts';
import {
  answerTo,
  type CounterStep,
  type CounterStore,
  type CounterWait,
  type CounterWaiter,
  refusal,
  UNSET,
  valueAfter,
} from '../core/counter-store.ts';
import { CounterExpiredError } from '../errors.ts';

/** From this many counters on, those that have expired are looked for now and then. */
const PRUNE_FROM = 1_024;

/** One counter in memory: where it stands, until when, and who waits for 0. */
class Count {
  readonly name: string;
  readonly #clock: Clock;
  readonly #waiters = new Set<CounterWaiter>();
  #value = UNSET;
  #endsAt = 0;
  #expiry: Alarm | undefined;
  #expiryAt = Number.POSITIVE_INFINITY;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.#clock = clock;
  }

  get value(): number {
    return this.#clock.now() < this.#endsAt ? this.#value : UNSET;
  }

  take(step: CounterStep): number {
    const before = this.value;
    const refused = refusal(this.name, step, before);
    if (refused) throw refused;
    if (step.kind === 'get') return before;
    this.#value = valueAfter(step, before);
    this.#endsAt = this.#value === UNSET ? 0 : this.#clock.now() + step.ttlMs;
    if (this.#value <= 0) this.#tell();
    else if (this.#endsAt < this.#expiryAt) this.#awaitExpiry();
    return answerTo(step, before);
  }

  /** Returns how to leave. */
  wait(waiter: CounterWaiter): () => void {
    this.#waiters.add(waiter);
    if (this.value <= 0) this.#tell();
    else if (!this.#expiry) this.#awaitExpiry();
    return () => {
      if (this.#waiters.delete(waiter) && this.#waiters.size === 0) this.#rest();
    };
  }

  /** Only a counter that somebody waits for needs to notice by itself that it has expired; a change puts that off. */
  #awaitExpiry(): void {
    this.#rest();
    if (this.#waiters.size === 0) return;
    this.#expiryAt = this.#endsAt;
    this.#expiry = this.#clock.callAt(this.#endsAt, () => {
      if (this.value > 0) this.#awaitExpiry();
      else this.#tell();
    });
  }

  #rest(): void {
    this.#expiry?.cancel();
    this.#expiry = undefined;
    this.#expiryAt = Number.POSITIVE_INFINITY;
  }

  #tell(): void {
    const done = this.value === 0;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    this.#rest();
    for (const waiter of waiters) {
      if (done) waiter.reached();
      else waiter.failed(new CounterExpiredError(this.name));
    }
  }
}

/** The counters that some backends of one process share. */
export class Counts {
  readonly #clock: Clock;
  readonly #counts = new Map<string, Count>();
  #pruneAt = PRUNE_FROM;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(name: string, step: CounterStep): number {
    const count = this.#find(name);
    const answer = count.take(step);
    // Who waited for one that is gone has been told, or is about to be: nothing of it need be kept.
    if (count.value === UNSET) this.#counts.delete(name);
    else if (!this.#counts.has(name)) this.#add(count);
    return answer;
  }

  /** Returns how to leave. */
  wait(name: string, waiter: CounterWaiter): () => void {
    return this.#find(name).wait(waiter);
  }

  #find(name: string): Count {
    return this.#counts.get(name) ?? new Count(name, this.#clock);
  }

  #add(count: Count): void {
    if (this.#counts.size >= this.#pruneAt) this.#prune();
    this.#counts.set(count.name, count);
  }

  #prune(): void {
    for (const [name, { value }] of this.#counts) if (value === UNSET) this.#counts.delete(name);
    this.#pruneAt = Math.max(PRUNE_FROM, this.#counts.size * 2);
  }
}

/** One backend's view of the counters, which ends its own waits. */
export class MemoryCounters implements CounterStore {
  readonly #counts: Counts;
  readonly #waiting = new Map<CounterWaiter, { readonly name: string; readonly leave: () => void }>();

  constructor(counts: Counts) {
    this.#counts = counts;
  }

  async step(name: string, step: CounterStep): Promise<number> {
    return this.#counts.take(name, step);
  }

  wait(name: string, waiter: CounterWaiter): CounterWait {
    const leave = this.#counts.wait(name, waiter);
    this.#waiting.set(waiter, { name, leave });
    const stop = (): void => {
      leave();
      this.#waiting.delete(waiter);
    };
    return { obstacle: () => undefined, stop };
  }

  failAll(error: (name: string) => Error): void {
    for (const [waiter, { name, leave }] of [...this.#waiting]) {
      leave();
      waiter.failed(error(name));
    }
  }
}

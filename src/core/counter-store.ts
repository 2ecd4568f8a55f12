import { CounterExpiredError, CounterOverflowError, type LockBackendError } from '../errors.ts';

/** Where a counter stands that was never set, was deleted, or has expired. */
export const UNSET = -1;
/** The highest value of a counter. */
export const HIGHEST_COUNT = Number.MAX_SAFE_INTEGER;

/** What one call does to a counter. `get` is among them so that it sees what its caller has asked for before. */
export interface CounterStep {
  /** What to do with it. */
  readonly kind: 'set' | 'increment' | 'decrement' | 'delete' | 'get';
  /** The value to set, or by how much to count; 0 for the others. */
  readonly by: number;
  /** How long the counter lasts from then on. */
  readonly ttlMs: number;
}

/** Who waits for a counter to reach 0; exactly one of the two is called, once, unless the wait is stopped. */
export interface CounterWaiter {
  /** It stands at 0, or has come to it meanwhile. */
  reached(): void;
  /** With `CounterExpiredError`, `LockBackendError` or `LockClosedError`. */
  failed(reason: unknown): void;
}

/** A wait that is under way. */
export interface CounterWait {
  /** What has kept us so far from knowing where the counter stands. */
  obstacle(): LockBackendError | undefined;
  /** To be called in the end, also when the waiter has been told. */
  stop(): void;
}

/** What an engine that has counters does. Counters share nothing with a lock of the same name. */
export interface CounterStore {
  /**
   * Takes one step, after those that this client has asked for before. Resolves with the value after it, with that
   * before it for `delete`. Rejects with what `refusal` says, `LockBackendError`, `LockClosedError`.
   */
  step(name: string, step: CounterStep): Promise<number>;
  /** Tells the waiter when the counter stands at 0, or comes to it, or is gone; maybe before this returns. */
  wait(name: string, waiter: CounterWaiter): CounterWait;
}

/** Where a counter stands after a step. The script of Redis does the same. */
export function valueAfter({ kind, by }: CounterStep, before: number): number {
  switch (kind) {
    case 'set':
      return by;
    case 'delete':
      return UNSET;
    case 'get':
      return before;
    case 'increment': {
      const sum = Math.max(before, 0) + by;
      return sum > HIGHEST_COUNT ? before : sum;
    }
    case 'decrement':
      return before === UNSET ? UNSET : Math.max(before - by, 0);
  }
}

/** Why a step cannot be taken from where the counter stands; it then changes nothing, the TTL included. */
export function refusal(
  name: string,
  { kind, by }: CounterStep,
  before: number,
): CounterExpiredError | CounterOverflowError | undefined {
  if (kind === 'decrement' && before === UNSET) return new CounterExpiredError(name);
  if (kind === 'increment' && Math.max(before, 0) + by > HIGHEST_COUNT) {
    return new CounterOverflowError(name, before, by);
  }
  return undefined;
}

/** What the caller of a step is told. */
export function answerTo(step: CounterStep, before: number): number {
  return step.kind === 'delete' ? before : valueAfter(step, before);
}

import {
  CounterExpiredError,
  LockBackendError,
  LockClosedError,
  LockLostError,
  LockTimeoutError,
} from '../../src/index.ts';

/** An error that the soak itself has thrown, or given as a reason to abort. */
export class Intended extends Error {}

const ORDINARY = [LockTimeoutError, LockLostError, LockClosedError, CounterExpiredError];

/** What the name of an end begins with that nobody should meet. */
export const UNEXPECTED = 'unexpected: ';

/** How often each thing has happened. */
export class Tally {
  readonly counts: Record<string, number> = {};

  note(end: string): void {
    this.counts[end] = (this.counts[end] ?? 0) + 1;
  }

  /** Notes how a promise ends: with `success`, or its error. */
  async of<T>(success: string, promise: Promise<T>): Promise<T | undefined> {
    try {
      const value = await promise;
      this.note(success);
      return value;
    } catch (error) {
      this.note(endOf(error));
      return undefined;
    }
  }
}

function endOf(error: unknown): string {
  if (error instanceof Intended) return error.message;
  if (error instanceof LockLostError) return `${error.code} ${error.reason}`;
  if (ORDINARY.some((type) => error instanceof type)) return String(Reflect.get(Object(error), 'code'));
  // Connections are being cut all the time.
  if (error instanceof LockBackendError && error.retryable) return error.code;
  return UNEXPECTED + String(error);
}

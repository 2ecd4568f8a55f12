/** How far clocks may run apart, as a part of the time that passes, unless a backend says otherwise. */
export const DRIFT_FACTOR = 0.01;
const DRIFT_MS = 2;

/**
 * How much of a lease we do not use, in ms: clocks do not run equally fast. 1 % of the TTL and 2 ms, the
 * allowance of the Redlock algorithm (https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/).
 */
export function driftMs(ttlMs: number, factor = DRIFT_FACTOR): number {
  return ttlMs * factor + DRIFT_MS;
}

/**
 * The local instant after which we must not believe that we hold a lease. `sentAt` is the instant *before* the
 * request was sent: the server cannot have granted earlier.
 */
export function leaseDeadline(sentAt: number, ttlMs: number, factor = DRIFT_FACTOR): number {
  return sentAt + ttlMs - driftMs(ttlMs, factor);
}

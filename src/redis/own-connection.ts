import { backoffMs } from '../core/backoff.ts';
import { DISCONNECT_TIMEOUT_MS } from './connection.ts';

const RETRY_BASE_MS = 50;
const RETRY_LONGEST_MS = 2_000;

/** How long to wait before something is tried again on a connection of ours: to connect, or to subscribe. */
export function retryDelayMs(attempt: number): number {
  return backoffMs(attempt, RETRY_BASE_MS, RETRY_LONGEST_MS);
}

function reconnectDelayMs(attempt: number): number {
  return 10 + retryDelayMs(attempt);
}

/**
 * What all connections that we make from the user's have instead of the user's options: they come back for as long as we want
 * them, and what is in flight when the link is cut is asked for again by us.
 */
export const OWN_CONNECTION = {
  lazyConnect: false,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: null,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  retryStrategy: reconnectDelayMs,
  // Where it gives up, ioredis ends the connection for good.
  sentinelRetryStrategy: reconnectDelayMs,
};

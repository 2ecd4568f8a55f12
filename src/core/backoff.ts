const LONGEST_MS = 10_000;

/**
 * Exponential backoff with full jitter: anything between 0 and `baseMs` doubled with each attempt
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). `attempt` counts from 0.
 */
export function backoffMs(attempt: number, baseMs: number, longestMs = LONGEST_MS): number {
  return Math.random() * Math.min(longestMs, baseMs * 2 ** Math.min(attempt, 30));
}

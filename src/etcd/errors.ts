import { type BackendFault, describe, LockBackendError } from '../errors.ts';

/**
 * What the error texts of etcd, gRPC and etcd3 mean. The only place that looks at them. gRPC puts its status code
 * first: 14 is UNAVAILABLE, 4 DEADLINE_EXCEEDED, 8 RESOURCE_EXHAUSTED and so on.
 */
const MEANINGS: readonly [RegExp, BackendFault, boolean][] = [
  [/permission denied|authentication failed|auth token|user name is empty|^(7|16) [A-Z]/, 'denied', false],
  // Waiting does not mend a certificate.
  [/certificate|self[- ]signed|SSL routines|wrong version number|altnames|\bEPROTO\b/i, 'denied', false],
  [/after it (was|has been|had been) closed|client.* closed/i, 'unavailable', false],
  [/^(1|2|4|8|10|13|14) [A-Z]|circuit breaker|stream was unexpectedly ended/, 'unavailable', true],
];

/** An error of etcd3 as one of ours. */
export function toBackendError(error: unknown, lockName?: string): LockBackendError {
  if (error instanceof LockBackendError) return error;
  const cause = error instanceof Error ? error : new Error(describe(error));
  const found = MEANINGS.find(([text]) => text.test(cause.message));
  const meaning = found
    ? { reason: found[1], retryable: found[2] }
    : { reason: 'failed' as const, retryable: false };
  return new LockBackendError(`etcd: ${cause.message}`, meaning, { cause, lockName });
}

/** The cluster did not answer in time; `cause` says what went wrong before. */
export function noAnswer(lockName?: string, cause?: Error): LockBackendError {
  const message = cause ? `etcd does not answer: ${cause.message}` : 'etcd does not answer in time';
  return new LockBackendError(
    message,
    { reason: 'unavailable', retryable: true },
    cause ? { cause, lockName } : { lockName },
  );
}

/** The lease that a command speaks of has ended. */
export function isLeaseGone(error: unknown): boolean {
  return error instanceof Error && /requested lease not found|expired or revoked/.test(error.message);
}

/** Somebody has made a lease with this id before. */
export function isLeaseTaken(error: unknown): boolean {
  return error instanceof Error && /lease already exists/.test(error.message);
}

/** An answer that our request cannot have: a proxy, another server, a bug. */
export function unexpectedReply(what: string): LockBackendError {
  return new LockBackendError(`etcd answered without ${what}`, { reason: 'failed', retryable: false });
}

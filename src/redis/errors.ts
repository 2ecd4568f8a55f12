import { type BackendFault, describe, LockBackendError, LockClosedError, ofLock } from '../errors.ts';

/**
 * What the error texts of Redis and ioredis mean. The only place that looks at them. `retryable` is what may pass
 * by itself: a failover, a restart, a script that blocks the server, a full disk, a cut link.
 */
const MEANINGS: readonly [RegExp, BackendFault, boolean][] = [
  [
    /^(NOAUTH|WRONGPASS|NOPERM|BATONDENIED)|^ERR (ACL failure|Client sent AUTH|AUTH |invalid password|The user executing the script)/,
    'denied',
    false,
  ],
  [/^(BATONFOREIGN|WRONGTYPE)|-WRONGTYPE /, 'foreign', false],
  // Within scripts, servers before 7 report the code after a hyphen.
  [
    /(^|-)(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|MISCONF|OOM)\b/,
    'unavailable',
    true,
  ],
];

/** What a server says that has no sharded channels. */
const TOO_OLD = /^ERR unknown command '?ssubscribe/i;

/** Errors of TLS come with codes such as these; waiting does not mend a certificate. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$|HOSTNAME_MISMATCH)/;

/** What befell a channel, which may be that of many locks, as what befell this one. */
export function errorOfLock(error: unknown, lockName: string): unknown {
  if (error instanceof LockClosedError) return closedError(lockName);
  return error instanceof LockBackendError ? ofLock(error, lockName) : error;
}

/** An error of ioredis, of the server or of a socket as one of ours. */
export function toBackendError(error: unknown, lockName?: string): LockBackendError {
  const cause = error instanceof Error ? error : new Error(describe(error));
  const meaning = meaningOf(cause);
  const reason = cause.message === '' ? nameOf(cause) : cause.message;
  const said = TOO_OLD.test(reason) ? `version 7 or newer is needed, or Valkey: ${reason}` : reason;
  return new LockBackendError(`Redis: ${said}`, meaning, { cause, lockName });
}

/** Whether a connection that fails so will fail so again until somebody changes a setting. */
export function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { reason, retryable } = meaningOf(error);
  return (reason === 'denied' && !retryable) || TOO_OLD.test(error.message);
}

/** Whether this is what a server has answered, and not the want of an answer. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

function meaningOf(error: Error): { reason: BackendFault; retryable: boolean } {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (TLS_CODE.test(code)) return { reason: 'denied', retryable: false };
  if (!isReply(error)) return { reason: 'unavailable', retryable: true };
  const found = MEANINGS.find(([text]) => text.test(error.message));
  return found ? { reason: found[1], retryable: found[2] } : { reason: 'failed', retryable: false };
}

function nameOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The server did not answer in time; `cause` says what we know of the connection. */
export function noAnswer(cause: Error | undefined, lockName?: string): LockBackendError {
  const message = cause
    ? `Redis does not answer: ${cause.message || nameOf(cause)}`
    : 'Redis does not answer in time';
  return new LockBackendError(
    message,
    { reason: 'unavailable', retryable: true },
    cause ? { cause, lockName } : { lockName },
  );
}

/** A lease that was over before we heard of it is of no use. */
export function answeredTooLate(lockName: string): LockBackendError {
  return noAnswer(new Error('the answer took longer than the lease is long'), lockName);
}

/** A script that takes several calls to drop dead waiters has not come to their end. */
export function unfinished(lockName: string): LockBackendError {
  const message = 'Redis has not come to the end of the dead waiters in time';
  return new LockBackendError(message, { reason: 'unavailable', retryable: true }, { lockName });
}

/** The user's connection was ended; it will not come back by itself. */
export function connectionEnded(lockName?: string): LockBackendError {
  const cause = new Error('the Redis connection has ended');
  return new LockBackendError(
    cause.message,
    { reason: 'unavailable', retryable: false },
    { cause, lockName },
  );
}

/** What is refused from the close on. */
export function closedError(lockName?: string): LockClosedError {
  return new LockClosedError('the backend is closed', lockName);
}

/** An answer that our scripts cannot have given: a proxy, another server, a bug. */
export function unexpectedReply(reply: unknown, lockName: string): LockBackendError {
  return new LockBackendError(
    `Redis answered something that our script does not say: ${describe(reply)}`,
    { reason: 'failed', retryable: false },
    { lockName },
  );
}

/** Why a lease ended without our release. */
export type LossReason = 'expired' | 'taken' | 'forced';

/**
 * What kept the server from doing what we asked: `unavailable` (no answer, or it says that it cannot serve
 * now), `denied` (authentication, TLS or an access rule), `foreign` (the key holds something that is not
 * ours), `failed` (anything else it answered).
 */
export type BackendFault = 'unavailable' | 'denied' | 'foreign' | 'failed';

/** Base of every error this library rejects with. Switch on `code` or `instanceof`, never on the text. */
export abstract class LockError extends Error {
  /** Stable machine-readable code, one for each class. */
  abstract readonly code: string;
  /** Name of the lock concerned, if there is one. */
  readonly lockName: string | undefined;

  constructor(message: string, lockName?: string, options?: ErrorOptions) {
    super(message, options);
    this.lockName = lockName;
  }

  /** Name of the class. */
  override get name(): string {
    return this.constructor.name;
  }
}

/** An argument is out of bounds. Thrown before anything is sent. */
export class LockArgumentError extends LockError {
  readonly code = 'ERR_LOCK_ARGUMENT';
  /** Name of the argument. */
  readonly argument: string;
  /** The value that was refused. */
  readonly value: unknown;

  constructor(argument: string, value: unknown, bounds: string, options?: ErrorOptions) {
    super(`${argument} must be ${bounds}, got ${describe(value)}`, undefined, options);
    this.argument = argument;
    this.value = value;
  }
}

/** The lock was not to be had, or the counter did not reach 0, within the timeout. */
export class LockTimeoutError extends LockError {
  readonly code = 'ERR_LOCK_TIMEOUT';
  /** How long the caller waited, in ms. */
  readonly waited: number;

  constructor(lockName: string, waited: number, what = `lock ${describe(lockName)} was not granted`) {
    super(`${what} within ${Math.round(waited)} ms`, lockName);
    this.waited = waited;
  }
}

const LOSSES: Record<LossReason, string> = {
  expired: 'its lease ran out before it was released or refreshed',
  taken: 'the server no longer knows the lease as ours',
  forced: 'somebody released it by force',
};

/** The lease ended without our release: what was done since is not protected by the lock. */
export class LockLostError extends LockError {
  readonly code = 'ERR_LOCK_LOST';
  /** How that was noticed. */
  readonly reason: LossReason;

  constructor(lockName: string, reason: LossReason) {
    super(`lock ${describe(lockName)} was lost: ${LOSSES[reason]}`, lockName);
    this.reason = reason;
  }
}

/** The server could not be asked, or refused. `cause` is the underlying error. */
export class LockBackendError extends LockError {
  readonly code: 'ERR_LOCK_BACKEND' | 'ERR_LOCK_QUORUM' = 'ERR_LOCK_BACKEND';
  /** What kept the server from it. */
  readonly reason: BackendFault;
  /** Whether the same request may succeed later without anybody changing a setting. */
  readonly retryable: boolean;

  constructor(message: string, fault: { reason: BackendFault; retryable: boolean }, options?: ErrorDetails) {
    super(message, options?.lockName, options);
    this.reason = fault.reason;
    this.retryable = fault.retryable;
  }
}

/** Too few replicas have confirmed a grant in time; it was given back. */
export class ReplicationError extends LockBackendError {
  /** How many have. */
  readonly confirmed: number;
  /** How many should have. */
  readonly wanted: number;

  constructor(lockName: string, confirmed: number, wanted: number, timeoutMs: number) {
    const numbers = `${confirmed} of ${wanted} replicas have confirmed the grant within ${timeoutMs} ms`;
    super(numbers, { reason: 'unavailable', retryable: true }, { lockName });
    this.confirmed = confirmed;
    this.wanted = wanted;
  }
}

/** One server that did not do what we asked of it. */
export interface ServerError {
  /** Host and port, path or name; never with credentials. */
  readonly server: string;
  /** What it failed with. */
  readonly error: Error;
}

/** Of several independent servers, too few did what we asked: the outcome is unknown, or there was none. */
export class QuorumError extends LockBackendError {
  override readonly code = 'ERR_LOCK_QUORUM';
  /** The servers that failed, one entry for each, in the order in which the backend was given them. */
  readonly errors: readonly ServerError[];

  /** `needed` of `total` servers had to agree. */
  constructor(errors: readonly ServerError[], needed: number, total: number, lockName: string) {
    const reasons = errors.map(({ server, error }) => `${server}: ${error.message}`).join('; ');
    const lasting = errors.map(({ error }) => error).filter(isLasting);
    const hopeless = lasting.length > total - needed;
    const reason = hopeless ? (lasting[0]?.reason ?? 'unavailable') : 'unavailable';
    const message = `fewer than ${needed} of ${total} servers could be asked: ${reasons || 'no answer'}`;
    super(message, { reason, retryable: !hopeless }, { lockName, cause: errors[0]?.error });
    this.errors = errors;
  }
}

function isLasting(error: Error): error is LockBackendError {
  return error instanceof LockBackendError && !error.retryable;
}

/** The name is in use with another capacity: as a mutex, as a semaphore of another size, as a read-write lock. */
export class LockCapacityError extends LockError {
  readonly code = 'ERR_LOCK_CAPACITY';
  /** The capacity that was asked for. */
  readonly wanted: number;
  /** The capacity with which others use it now. */
  readonly actual: number;

  constructor(lockName: string, wanted: number, actual: number) {
    super(`lock ${describe(lockName)} is in use with a capacity of ${actual}, not ${wanted}`, lockName);
    this.wanted = wanted;
    this.actual = actual;
  }
}

/** The engine cannot do what was asked for. Thrown before anything is sent. */
export class LockUnsupportedError extends LockError {
  readonly code = 'ERR_LOCK_UNSUPPORTED';
  /** What `backend.kind` says. */
  readonly kind: string;

  constructor(what: string, kind: string, lockName?: string) {
    super(`${what} cannot be had on ${kind}`, lockName);
    this.kind = kind;
  }
}

/**
 * A counter was counted down, or waited for, that is not there: it has expired, was deleted, or was never set. How much
 * of the work was left is not known any more.
 */
export class CounterExpiredError extends LockError {
  readonly code = 'ERR_COUNTER_EXPIRED';

  constructor(counterName: string) {
    super(`counter ${describe(counterName)} has expired, was deleted, or was never set`, counterName);
  }
}

/** A counter would have gone beyond `Number.MAX_SAFE_INTEGER`. It was left as it was. */
export class CounterOverflowError extends LockError {
  readonly code = 'ERR_COUNTER_OVERFLOW';

  constructor(counterName: string, value: number, by: number) {
    super(`counter ${describe(counterName)} cannot go from ${Math.max(value, 0)} up by ${by}`, counterName);
  }
}

/** The creator or client was closed, or the lease was already released. */
export class LockClosedError extends LockError {
  readonly code = 'ERR_LOCK_CLOSED';
}

/** What an error knows besides its text. */
export interface ErrorDetails extends ErrorOptions {
  /** Name of the lock concerned, if there is one. */
  readonly lockName?: string | undefined;
}

/**
 * A URL as it may stand in a message, since these end up in logs. A slash or an "@" in a password should have been escaped; it
 * must not show it either.
 */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:(?:\/\/)?)?.*@/is, '$1…@');
}

/** The same failure, told to who asked for this lock. */
export function ofLock(
  { message, reason, retryable, cause }: LockBackendError,
  lockName: string,
): LockBackendError {
  return new LockBackendError(message, { reason, retryable }, { lockName, cause });
}

const LONGEST_SHOWN = 80;

/** A value as it may stand in a message: quoted, escaped and short. Never throws, whatever the value is. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    const quoted = JSON.stringify(value);
    return quoted.length > LONGEST_SHOWN
      ? `${quoted.slice(0, LONGEST_SHOWN - 1).replace(/\p{Surrogate}$/u, '')}…" (${value.length} characters)`
      : quoted;
  }
  if (typeof value === 'object' && value !== null) return `an instance of ${className(value)}`;
  if (typeof value === 'function') return 'a function';
  const text = String(value);
  if (typeof value === 'symbol') return /^[ -~]{1,80}$/.test(text) ? text : 'a symbol';
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}… (${text.length} digits)` : text;
}

/** A proxy or a getter may throw instead of telling, and a name may be anything. */
function className(value: object): string {
  try {
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    return typeof name === 'string' && CLASS_NAME.test(name) ? name : 'Object';
  } catch {
    return 'Object';
  }
}

const CLASS_NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]{0,79}$/u;

import { LockBackendError, LockClosedError, LockLostError } from '../errors.ts';

/** A tidying release that fails leaves the record to its TTL; anything else is a bug and must surface. */
export function ignoreBackendError(error: unknown): void {
  if (!(error instanceof LockBackendError || error instanceof LockClosedError)) throw error;
}

/** A lease that is already lost, or whose server is gone, needs no release. */
export function ignoreEndedLease(error: unknown): void {
  if (!(error instanceof LockLostError)) ignoreBackendError(error);
}

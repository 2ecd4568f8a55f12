import { LockBackendError, LockClosedError, LockLostError } from '../errors.ts';

/** A tidying release that fails leaves the record to its TTL. */
export function ignoreBackendError(error: unknown): void {
  if (!(error instanceof LockBackendError || error instanceof LockClosedError)) warnOf(error);
}

/** A lease that is already lost, or whose server is gone, needs no release. */
export function ignoreEndedLease(error: unknown): void {
  if (!(error instanceof LockLostError)) ignoreBackendError(error);
}

/** What no backend may reject with is an error in its program, and must show although nobody awaits it. */
export function warnOf(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

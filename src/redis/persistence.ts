import type { LockBackendError } from '../errors.ts';

/** How a call is repeated until it is answered. */
export interface Persistence {
  /** Whether nobody needs the answer any more. */
  readonly moot?: (() => boolean) | undefined;
  /** Until when each try may take, as a local instant. */
  readonly answerBy?: number;
  /** What a first try has failed with, if there was one. */
  readonly failure?: LockBackendError | undefined;
  /** How often the link had been cut before that. */
  readonly cuts?: number;
}

import { CommanderError } from 'commander';
import {
  CounterExpiredError,
  LockArgumentError,
  LockBackendError,
  LockCapacityError,
  LockTimeoutError,
  LockUnsupportedError,
} from '../errors.ts';

/** What the process exits with; beyond these `run` exits with what its command does. */
export const EXIT = {
  done: 0,
  /** The answer is no: nobody held it, the counter is not there, the server's settings want a change. */
  no: 1,
  /** As in sysexits.h: what was asked for makes no sense. */
  usage: 64,
  /** The server cannot be asked, refuses, or cannot do that. */
  unavailable: 69,
  /** The lock was not to be had in time. */
  timeout: 75,
  /** The lease was lost while the command ran. */
  lost: 76,
  /** As shells do: the command cannot be executed, or is not to be found. */
  notExecutable: 126,
  notFound: 127,
  /** As shells do: added to the number of the signal that ended it. */
  signalled: 128,
} as const;

/** What was asked for makes no sense; the message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the process should exit with when it fails so; undefined for a failure that is a mistake of ours. */
export function exitStatusOf(error: unknown): number | undefined {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof UsageError || error instanceof LockArgumentError) return EXIT.usage;
  if (error instanceof LockCapacityError) return EXIT.usage;
  if (error instanceof LockBackendError || error instanceof LockUnsupportedError) return EXIT.unavailable;
  if (error instanceof LockTimeoutError) return EXIT.timeout;
  if (error instanceof CounterExpiredError) return EXIT.no;
  return undefined;
}

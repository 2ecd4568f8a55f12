import type { Lock } from '../../core/lock.ts';
import { LockBackendError, LockLostError, LockTimeoutError } from '../../errors.ts';
import type { LockCreator } from '../../lock-creator.ts';
import { EXIT } from '../exit-status.ts';
import { Child, statusAfter } from './child.ts';
import { Interrupted, onSignals } from './signals.ts';

/** How a command is to be run. */
export interface HoldSettings {
  readonly command: string;
  readonly args: readonly string[];
  readonly ttlMs: number;
  /** 0 for one try. */
  readonly waitMs: number;
  readonly graceMs: number;
  /** Exit status when the lock was not to be had in time. */
  readonly timeoutStatus: number;
}

/** What happens meanwhile, in the order in which it may happen. */
export type HoldEvent =
  | { readonly event: 'granted'; readonly name: string; readonly fencingToken: number }
  | {
      readonly event: 'timeout' | 'failed' | 'unreleased';
      readonly name: string;
      readonly reason: string;
    }
  /** `running`: the command is still there, and is ended now. */
  | {
      readonly event: 'lost';
      readonly name: string;
      readonly reason: string;
      readonly running: boolean;
    }
  | { readonly event: 'ended'; readonly name: string; readonly status: number };

/** Runs a command while holding a lock. Resolves with the exit status; rejects as `acquire` does. */
export async function runHolding(
  creator: LockCreator,
  settings: HoldSettings,
  tell: (event: HoldEvent) => void,
): Promise<number> {
  const { name } = creator;
  const interruption = new AbortController();
  const signals = onSignals((signal) => interruption.abort(new Interrupted(signal)));
  try {
    // Who waits for ever would wait for a server that is not there as well, and nobody would be told.
    if (settings.waitMs === Number.POSITIVE_INFINITY) await creator.inspect();
    const options = { signal: interruption.signal };
    const lock = await creator.acquire(settings.ttlMs, settings.waitMs, options);
    // Whoever closes the client gives it back.
    interruption.signal.throwIfAborted();
    tell({ event: 'granted', name, fencingToken: lock.fencingToken });
    const status = await runChild(lock, settings, signals, tell);
    tell({ event: 'ended', name, status });
    return status;
  } catch (error) {
    if (error instanceof Interrupted) return statusAfter(error.signal);
    if (!(error instanceof LockTimeoutError)) throw error;
    tell({ event: 'timeout', name, reason: error.message });
    return settings.timeoutStatus;
  } finally {
    signals.stop();
  }
}

async function runChild(
  lock: Lock,
  { command, args, graceMs }: HoldSettings,
  signals: ReturnType<typeof onSignals>,
  tell: (event: HoldEvent) => void,
): Promise<number> {
  const { name, fencingToken } = lock.autoRefresh();
  const env = { ...process.env, BATON_LOCK_NAME: name, BATON_FENCING_TOKEN: String(fencingToken) };
  const child = new Child(command, args, env);
  signals.listener = (signal) => child.forward(signal);
  const onLoss = (): void => {
    tell({ event: 'lost', name, reason: messageOf(lock.signal.reason), running: true });
    child.end(graceMs);
  };
  lock.signal.addEventListener('abort', onLoss);
  if (lock.signal.aborted) onLoss();
  const { status, failure } = await child.ended;
  lock.signal.removeEventListener('abort', onLoss);
  if (failure) tell({ event: 'failed', name, reason: `cannot run ${command}: ${failure.message}` });
  // What is left to do is a kindness to the next in line, for which nobody has to wait.
  signals.listener = () => process.exit(lock.signal.aborted ? EXIT.lost : status);
  return (await isReleased(lock, tell)) ? status : EXIT.lost;
}

/** False when the lease had been lost before. */
async function isReleased(lock: Lock, tell: (event: HoldEvent) => void): Promise<boolean> {
  const known = lock.signal.aborted;
  try {
    await lock.release();
    return true;
  } catch (error) {
    if (!(error instanceof LockLostError || error instanceof LockBackendError)) throw error;
    const { message: reason } = error;
    const lost = error instanceof LockLostError;
    if (!lost) tell({ event: 'unreleased', name: lock.name, reason });
    else if (!known) tell({ event: 'lost', name: lock.name, reason, running: false });
    return !lost;
  }
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

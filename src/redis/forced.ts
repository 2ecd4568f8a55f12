import type { Grant, LockBackend } from '../core/backend.ts';
import { ignoreBackendError } from '../core/ignore.ts';

/** One server that tells of a release by force. */
export interface Hearing {
  /** Resolves when it does; undefined if it did already. */
  readonly opening: Promise<void> | undefined;
  stop(): void;
}

/**
 * Listens at servers of which `needed` decide who holds a lock, by `hear`. A release before so many can be heard, or while one
 * is deaf that could be, may have told nobody: when they can, the backend is asked once, and `listener` called if the lease is
 * gone. What cannot be opened or asked, the next refresh finds out. Returns how to stop.
 */
export function listenForForced(
  backend: Pick<LockBackend, 'inspect'>,
  grant: Grant,
  listener: () => void,
  { hear, needed }: { hear: (missed: () => void) => readonly Hearing[]; needed: number },
): () => void {
  let stopped = false;
  const ask = async (): Promise<void> => {
    const { holders } = await backend.inspect(grant.name);
    if (!stopped && !holders.some(({ owner }) => owner === grant.owner)) listener();
  };
  const look = (): void => {
    ask().catch(ignoreBackendError);
  };
  const hearings = hear(look);
  let missing = needed - hearings.filter(({ opening }) => opening === undefined).length;
  const opened = (): void => {
    missing -= 1;
    if (missing === 0 && !stopped) look();
  };
  for (const { opening } of hearings) opening?.then(opened, () => {});
  return () => {
    stopped = true;
    for (const { stop } of hearings) stop();
  };
}

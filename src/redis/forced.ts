import type { Grant, LockBackend, LockState } from '../core/backend.ts';
import { ignoreBackendError } from '../core/ignore.ts';

type Inspectable = Pick<LockBackend, 'inspect'>;

/** One server that tells of a release by force. */
export interface Hearing {
  /** Resolves when it does; undefined if it did already. */
  readonly opening: Promise<void> | undefined;
  stop(): void;
}

/**
 * Listens at servers of which `needed` decide who holds a lock, by `hear`. A release before so many can be heard, or while one
 * is deaf that could be, may have told nobody: when they can, and with each more that can, the backend is asked, and `listener`
 * told if the lease is gone, for whatever reason. What cannot be opened or asked, the next refresh finds out. Returns how to stop.
 */
export function listenForForced(
  backend: Inspectable,
  grant: Grant,
  listener: (reason?: 'taken') => void,
  { hear, needed }: { hear: (missed: () => void) => readonly Hearing[]; needed: number },
): () => void {
  let stopped = false;
  const ask = async (): Promise<void> => {
    const { holders } = await lookAt(backend, grant.name);
    if (!stopped && !holders.some(({ owner }) => owner === grant.owner)) listener('taken');
  };
  const look = (): void => {
    ask().catch(ignoreBackendError);
  };
  const hearings = hear(look);
  let missing = needed - hearings.filter(({ opening }) => opening === undefined).length;
  const opened = (): void => {
    missing -= 1;
    if (missing <= 0 && !stopped) look();
  };
  for (const { opening } of hearings) opening?.then(opened, () => {});
  return () => {
    stopped = true;
    for (const { stop } of hearings) stop();
  };
}

const looks = new WeakMap<Inspectable, Map<string, Promise<LockState>>>();

/** All who hold some of one lock look in the same turn, and share the answer: it is as long as they are many. */
function lookAt(backend: Inspectable, name: string): Promise<LockState> {
  const ofBackend = looks.get(backend) ?? new Map<string, Promise<LockState>>();
  looks.set(backend, ofBackend);
  let look = ofBackend.get(name);
  if (!look) {
    look = backend.inspect(name);
    ofBackend.set(name, look);
    // Who comes later may have missed something since.
    queueMicrotask(() => ofBackend.delete(name));
  }
  return look;
}

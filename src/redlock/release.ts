import pDefer from 'p-defer';
import type { Grant } from '../core/backend.ts';
import { count, poll } from './poll.ts';
import type { Server } from './server.ts';
import type { Servers } from './servers.ts';

/** A server that may keep something for a lease. */
export interface Keeper {
  readonly server: Server;
  /** It has confirmed the release, and kept nothing if `inVain`; or its time for that has passed. */
  released(inVain: boolean): void;
}

/**
 * Ends a lease wherever something may be kept for it, at all servers in one go. `keepers` ends with the server that
 * granted first. It is asked first, since it hands over: while the next in line is being told, the others hear that they
 * are free. True when nobody else can have had a quorum until now, false when that is not sure; rejects when too few have
 * answered until the lease's deadline.
 */
export async function releaseEverywhere(
  grant: Grant,
  keepers: readonly Keeper[],
  servers: Servers,
): Promise<boolean> {
  const { all, quorum } = servers;
  const first = keepers.at(-1);
  // Whoever comes next asks the first server first: it should know by the time we say that the lock is released.
  const firstKnows = pDefer<void>();
  const release = (keeper: Keeper): Promise<boolean> => {
    const retrying = keeper === first ? firstKnows.resolve : undefined;
    const released = keeper.server.backend.release(grant, retrying);
    const told = (inVain: boolean): void => {
      keeper.released(inVain);
      retrying?.();
    };
    released.then(
      (ours) => told(!ours),
      () => told(false),
    );
    return released;
  };
  const neverAsked = all.length - keepers.length;
  const ours = await poll(
    keepers.toReversed().map((keeper) => [keeper.server, release(keeper)] as const),
    (answers) => count(answers, all.length - quorum + 1, quorum - neverAsked),
    (failures) => servers.error(failures, grant.name),
  );
  await firstKnows.promise;
  return ours;
}

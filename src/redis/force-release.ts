import { dispossess } from '../core/dispossess.ts';
import { isShare } from '../core/owner.ts';
import type { CommandLink } from './command-link.ts';
import { unfinished } from './errors.ts';
import { outcomeIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';
import { readState } from './state-watch.ts';

/** The highest number that a release script answers. */
const MOST = 3;

/** Takes a lock from who is seen to hold it, or all its units from all who hold some. False when nobody does. */
export function forceRelease(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  return dispossess(name, {
    look: async () => (await readState({ link, protocol }, name, '')).state.holders,
    take: ({ owner }) => take(link, protocol, name, owner),
    isOver: link.endOfWork(),
  });
}

async function take(link: CommandLink, protocol: Protocol, name: string, owner: string): Promise<boolean> {
  const call = protocol.force(name, owner);
  const isOver = link.endOfWork();
  let taken = false;
  for (;;) {
    const { reply, repeated } = await link.run(call);
    const outcome = outcomeIn(reply, MOST, name);
    // Of a share 2 says that it was not there. Who has heard that a mutex is to be taken may give it back before it is.
    taken ||= outcome % 2 === 1 || (outcome === 2 && !isShare(owner)) || repeated;
    if (outcome < 2) return taken;
    if (isOver()) throw unfinished(name);
  }
}

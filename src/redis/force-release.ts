import { isShare } from '../core/owner.ts';
import type { CommandLink } from './command-link.ts';
import { passedOn, unfinished } from './errors.ts';
import { outcomeIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';
import { readState } from './state-watch.ts';

/** The highest number that a release script answers. */
const MOST = 3;

/**
 * Takes a lock from who is seen to hold it, or all its units from all who hold some. False when nobody does. Who is seen may have
 * passed it on by the time it is to be taken; then nothing was taken, and whoever holds it next is looked for.
 */
export async function forceRelease(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  const isOver = link.endOfWork();
  for (;;) {
    const { state } = await readState({ link, protocol }, name, '');
    if (state.holders.length === 0) return false;
    const taken = await Promise.all(
      state.holders.map(({ owner }) => dispossess(link, protocol, name, owner)),
    );
    if (taken.includes(true)) return true;
    if (isOver()) throw passedOn(name);
  }
}

async function dispossess(
  link: CommandLink,
  protocol: Protocol,
  name: string,
  owner: string,
): Promise<boolean> {
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

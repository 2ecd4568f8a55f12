import type { CommandLink } from './command-link.ts';
import { unfinished } from './errors.ts';
import { outcomeIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';
import { readState } from './state-watch.ts';

/** The highest number that a release script answers. */
const MOST = 3;

/** Takes a lock from who is seen to hold it, or all its units from all who hold some. False when nobody does. */
export async function forceRelease(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  const { state } = await readState({ link, protocol }, name, '');
  const taken = await Promise.all(state.holders.map(({ owner }) => dispossess(link, protocol, name, owner)));
  return taken.includes(true);
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
    // Who has heard of it may give the lock back before it is taken.
    taken ||= outcome > 0 || repeated;
    if (outcome < 2) return taken;
    if (isOver()) throw unfinished(name);
  }
}

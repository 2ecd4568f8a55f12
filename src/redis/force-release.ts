import type { CommandLink } from './command-link.ts';
import { unfinished } from './errors.ts';
import { outcomeIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';

/** The highest number that the script for shares answers. */
const MOST = 3;

/** Takes a lock from whoever holds it, or all its units from all who hold some. False when nobody did. */
export async function forceRelease(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  const isOver = link.endOfWork();
  for (;;) {
    const { reply } = await link.run(protocol.release(name, 'force'));
    if (reply === 'shares') return forceShares(link, protocol, name);
    const outcome = outcomeIn(reply, 2, name);
    if (outcome < 2) return outcome === 1;
    if (isOver()) throw unfinished(name);
  }
}

async function forceShares(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  const isOver = link.endOfWork();
  const release = async (owner: string): Promise<number> => {
    const { reply } = await link.run(protocol.releaseShares(name, owner));
    return outcomeIn(reply, MOST, name);
  };
  let outcome = await release('force');
  const released = outcome > 0;
  while (outcome >= 2 && !isOver()) outcome = await release('-');
  return released;
}

import type { WireCommand } from '../../test/support/commands.ts';
import type { TokenOf } from '../contestants/contestant.ts';

/** One acquisition as the server saw it: the places of its first and its last command in the record. */
export interface Turn {
  readonly arrived: number;
  readonly released: number;
}

const ARGUMENT = /"((?:[^"\\]|\\.)*)"/g;

/** Libraries name the owner in `SET key <token> …` and as the first argument after the keys of their scripts. */
export const tokenOf: TokenOf = ([name = '', ...rest]) => {
  if (/^set$/i.test(name)) return rest[1];
  return /^eval(sha)?$/i.test(name) ? rest[2 + Number(rest[1])] : undefined;
};

/**
 * The acquisitions in a record. The first command that bears its token is the one with which it got in line, or began
 * to poll; the last is its release, and since one has the lock at a time, releases come in the order of grants.
 */
export function turns(commands: readonly WireCommand[], find: TokenOf = tokenOf): Turn[] {
  const known = new Map<string, { arrived: number; released: number }>();
  for (const [place, { text }] of commands.entries()) {
    const token = find([...text.matchAll(ARGUMENT)].map(([, argument]) => argument ?? ''));
    if (token === undefined) continue;
    const turn = known.get(token);
    if (turn) turn.released = place;
    else known.set(token, { arrived: place, released: place });
  }
  return [...known.values()].filter(({ arrived, released }) => released > arrived);
}

/** How many were granted before somebody whose first command had reached the server earlier. */
export function outOfOrder(all: readonly Turn[]): number {
  let earliestStillWaiting = Number.POSITIVE_INFINITY;
  let count = 0;
  for (const { arrived } of [...all].sort((a, b) => b.released - a.released)) {
    if (earliestStillWaiting < arrived) count += 1;
    earliestStillWaiting = Math.min(earliestStillWaiting, arrived);
  }
  return count;
}

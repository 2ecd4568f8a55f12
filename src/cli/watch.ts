import { Command } from 'commander';
import type { LockState } from '../core/backend.ts';
import { connected } from './connection.ts';
import { showDuration } from './duration.ts';
import { type CommonOptions, withCommonOptions } from './options.ts';
import { print, printJson, styled } from './output.ts';
import { printable } from './text.ts';

/** `batonlock watch`: one line for each grant, release and expiry of a lock, until it is interrupted. */
export function watchCommand(): Command {
  const command = new Command('watch')
    .description('tell of each grant, release and expiry of a lock')
    .argument('<name>', 'the lock');
  return withCommonOptions(command).action((name: string, options: CommonOptions) =>
    connected(options, async ({ client }) => {
      const creator = client.creator(name);
      // A watch waits for a server that is not there, and nobody would be told.
      await creator.inspect();
      let before: LockState | undefined;
      for await (const state of creator.watch()) {
        const at = new Date().toISOString();
        if (options.json) printJson({ at, ...state });
        else print(`${styled('dim', at)}  ${changeText(before, state)}`);
        before = state;
      }
    }),
  );
}

/** What is different now, in one line. */
export function changeText(before: LockState | undefined, now: LockState): string {
  const tokens = new Set(before?.holders.map(({ fencingToken }) => fencingToken));
  const fresh = now.holders.filter(({ fencingToken }) => !tokens.has(fencingToken));
  const waiting = now.waiters === 1 ? '1 waiter' : `${now.waiters} waiters`;
  const rest = now.holders.length > 1 ? `${now.holders.length} holders, ${waiting}` : waiting;
  if (fresh.length > 0) {
    const verb = before ? 'granted to' : 'held by';
    const whom = fresh.map(({ client, fencingToken, remainingTtl }) => {
      return `${printable(client)} (token ${fencingToken}, for ${showDuration(remainingTtl)})`;
    });
    return `${verb} ${whom.join(', ')}; ${rest}`;
  }
  return now.holders.length > 0 ? `given back by one; ${rest}` : `free; ${waiting}`;
}

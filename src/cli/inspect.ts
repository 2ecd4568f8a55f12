import { Command } from 'commander';
import type { Holder, LockState } from '../core/backend.ts';
import { connected } from './connection.ts';
import { showDuration } from './duration.ts';
import { type CommonOptions, withCommonOptions } from './options.ts';
import { outputWidth, print, printJson, styled } from './output.ts';
import { tableLines } from './table.ts';
import { cut, printable, widthOf } from './text.ts';

/** `batonlock inspect`: one lock as the server sees it now. */
export function inspectCommand(): Command {
  const command = new Command('inspect').description('show who holds a lock').argument('<name>', 'the lock');
  return withCommonOptions(command).action((name: string, options: CommonOptions) =>
    connected(options, async ({ client, backend }) => {
      const creator = client.creator(name);
      const state = (await backend.listing?.read(creator.name)) ?? (await creator.inspect());
      if (options.json) printJson(state);
      else print(...inspectionLines(state, outputWidth()));
    }),
  );
}

/** A lock's state for people; a long name is cut rather than what is said of it. `heldFor` is shown where the engine tells it. */
export function inspectionLines({ name, capacity, holders, waiters }: LockState, width: number): string[] {
  const used = holders.reduce((sum, { units }) => sum + units, 0);
  const held = capacity > 1 ? `${used} of ${capacity} units are out` : 'held';
  const line = `: ${holders.length > 0 ? held : 'free'}, ${waiters === 1 ? '1 waiter' : `${waiters} waiters`}`;
  const title = styled('bold', cut(printable(name), width - widthOf(line))) + cut(line, width);
  if (holders.length === 0) return [title];
  const [head = '', ...rows] = tableLines(HOLDER_COLUMNS, holders.map(cellsOf), width);
  return [title, '', styled('bold', head), ...rows];
}

const HOLDER_COLUMNS = [
  { head: 'HOLDER', flexible: true },
  { head: 'UNITS', align: 'right' },
  { head: 'HELD FOR', align: 'right' },
  { head: 'TTL LEFT', align: 'right' },
  { head: 'FENCING TOKEN', align: 'right' },
  { head: 'OWNER ID', flexible: true },
] as const;

function cellsOf(holder: Holder & { readonly heldFor?: number }): string[] {
  const { client, units, heldFor, remainingTtl, fencingToken, owner } = holder;
  const held = heldFor === undefined ? '-' : showDuration(heldFor);
  return [
    printable(client),
    String(units),
    held,
    showDuration(remainingTtl),
    String(fencingToken),
    printable(owner),
  ];
}

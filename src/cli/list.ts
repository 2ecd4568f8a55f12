import { Command } from 'commander';
import type { ListedLock } from '../core/listing.ts';
import { connected, listingOf } from './connection.ts';
import { showDuration } from './duration.ts';
import { type CommonOptions, withCommonOptions } from './options.ts';
import { outputWidth, print, printJson, styled } from './output.ts';
import { type Column, tableLines } from './table.ts';
import { printable } from './text.ts';

const COLUMNS: readonly Column[] = [
  { head: 'NAME', flexible: true },
  { head: 'HOLDER', flexible: true },
  { head: 'HELD FOR', align: 'right' },
  { head: 'TTL LEFT', align: 'right' },
  { head: 'WAITERS', align: 'right' },
];

/** `batonlock ls`: the locks that somebody holds or waits for. */
export function listCommand(): Command {
  const command = new Command('ls')
    .description('list the locks that somebody holds or waits for')
    .argument('[pattern]', 'what their names match, with *, ? and [ab]', '*');
  return withCommonOptions(command).action((pattern: string, options: CommonOptions) =>
    connected(options, async ({ backend }) => {
      const pages = listingOf(backend).list(pattern);
      if (options.json) {
        for await (const page of pages) printJson(...page);
        return;
      }
      const locks: ListedLock[] = [];
      for await (const page of pages) locks.push(...page);
      locks.sort(byName);
      const [head = '', ...lines] = tableLines(COLUMNS, locks.map(cellsOf), outputWidth());
      print(styled('bold', head), ...lines);
    }),
  );
}

/** By code units: the order of a language takes a hundred times as long. */
export function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  if (one.name === other.name) return 0;
  return one.name < other.name ? -1 : 1;
}

function cellsOf(lock: ListedLock): string[] {
  const { name, waiters, holders } = lock;
  const [first] = holders;
  const times = first ? [showDuration(first.heldFor), showDuration(first.remainingTtl)] : ['', ''];
  return [printable(name), holdersText(lock), ...times, String(waiters)];
}

/** Who has had it for longest, and how many more there are, as it may be shown. */
export function holdersText({ holders }: Pick<ListedLock, 'holders'>): string {
  const [first] = holders;
  if (!first) return '-';
  const client = printable(first.client);
  return holders.length > 1 ? `${client} and ${holders.length - 1} more` : client;
}

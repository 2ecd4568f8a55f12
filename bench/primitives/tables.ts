import { budgetTable } from '../reporting/budget-table.ts';
import { figure, spread } from '../reporting/format.ts';
import { type Table, toMarkdown } from '../reporting/table.ts';
import type { PrimitiveResults } from './run.ts';

/** What was measured of semaphores and read-write locks. */
export function primitiveTables(results: PrimitiveResults): Table[] {
  return [handoffTable(results), batchTable(results), countingTable(results), budgetTable(results.budgets)];
}

export function handoffTable({ handoffs }: PrimitiveResults): Table {
  return {
    title: 'Shares: handoff between two processes',
    head: [
      '',
      'hold, ms',
      'p50, µs',
      'p99, µs',
      'p50 over a bare hop',
      'commands per acquisition',
      'out of order',
    ],
    rows: handoffs.map((each) => [
      each.kind,
      String(each.holdMs),
      spread(each.p50),
      spread(each.p99),
      spread(each.overHop),
      figure(each.commandsPerAcquisition),
      figure(each.outOfOrder),
    ]),
  };
}

export function batchTable({ readers, starvation }: PrimitiveResults): Table {
  return {
    title: 'Shares: readers in a batch, big requests among small ones',
    head: ['', 'figure'],
    rows: [
      [
        `scripts that grant to ${readers.readers} readers of ${readers.processes} processes`,
        figure(readers.scripts),
      ],
      ['from the release of the writer to the last of these grants, µs', spread(readers.lastGrantUs)],
      [
        `small requests that overtook one of ${starvation.big} big ones, of ${figure(starvation.small)}`,
        figure(starvation.overtakes),
      ],
      [`wait of a request for all ${starvation.capacity} units, ms`, spread(starvation.waitUs, 1e-3)],
    ],
  };
}

export function countingTable({ counting }: PrimitiveResults): Table {
  const { consumers, processes, items } = counting;
  return {
    title: `Counter: ${figure(items)} items, counted down by ${figure(consumers)} consumers in ${processes} processes`,
    head: ['', 'figure'],
    rows: [
      ['left at the end', figure(counting.left)],
      ['decrements that were told to be the last one', figure(counting.lasts)],
      ['items each second', spread(counting.itemsPerSecond)],
      ['commands for each item', spread(counting.commandsPerItem)],
      ['from the call of the last decrement to the last of those who wait, µs', spread(counting.toldUs)],
      ['the same with nothing else to do, over a bare hop', figure(counting.toldOverHop)],
    ],
  };
}

/** What stands between the markers of the pages about them. */
export function sharesSection(results: PrimitiveResults): string {
  return [where(results), toMarkdown(handoffTable(results)), toMarkdown(batchTable(results))].join('\n\n');
}

export function counterSection(results: PrimitiveResults): string {
  const { title } = countingTable(results);
  return [`${where(results)} ${title}:`, toMarkdown(countingTable(results))].join('\n\n');
}

function where({ machine, date, handoffs }: PrimitiveResults): string {
  const overlaps = handoffs.reduce((sum, each) => sum + each.overlaps, 0);
  return (
    `\`npm run bench -- primitives\`, ${date.slice(0, 10)}, server and clients together on ${machine.cores} cores of ` +
    `${machine.cpu}, Node.js ${machine.node}; overlapping holds: ${overlaps}.`
  );
}

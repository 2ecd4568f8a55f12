import { OURS, SHARES } from '../contestants/registry.ts';
import { budgetTable } from '../reporting/budget-table.ts';
import { figure, spread } from '../reporting/format.ts';
import { type Table, toMarkdown } from '../reporting/table.ts';
import type { PrimitiveResults } from './run.ts';

/** All that was measured. */
export function primitiveTables(results: PrimitiveResults): Table[] {
  return [
    handoffTable(results, () => true),
    batchTable(results),
    countingTable(results),
    successionTable(results),
    severalTable(results),
    resumeTable(results),
    budgetTable(results.budgets),
  ];
}

function handoffTable({ handoffs }: PrimitiveResults, shown: (kind: string) => boolean): Table {
  return {
    title: 'Handoff between two processes',
    head: [
      '',
      'hold, ms',
      'p50, µs',
      'p99, µs',
      'p50 over a bare hop',
      'commands per acquisition',
      'out of order',
    ],
    rows: handoffs
      .filter(({ kind }) => shown(kind))
      .map((each) => [
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

function batchTable({ readers, starvation }: PrimitiveResults): Table {
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

function countingTable({ counting }: PrimitiveResults): Table {
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

function successionTable({ succession }: PrimitiveResults): Table {
  const { elections, ttlMs, lateMs } = succession;
  return {
    title: `Election: the leader of ${elections} elections is killed`,
    head: ['', 'figure'],
    rows: [[`from the end of its TTL of ${figure(ttlMs)} ms to the next leader, ms`, spread(lateMs)]],
  };
}

function severalTable({ roundTrips }: PrimitiveResults): Table {
  const { names, commandsPerName, acquireAll, releaseAll } = roundTrips;
  return {
    title: `Several at once: ${names} free locks`,
    head: ['', 'figure'],
    rows: [
      ['commands for each, with its release', figure(commandsPerName)],
      [`to take all, over ${names} round trips of PING`, spread(acquireAll)],
      ['to release all, over one', spread(releaseAll)],
    ],
  };
}

function resumeTable({ roundTrips }: PrimitiveResults): Table {
  return {
    title: 'Handing over: going on with a lease',
    head: ['', 'figure'],
    rows: [
      ['commands', figure(roundTrips.commandsOfResume)],
      ['time, over a round trip of PING', spread(roundTrips.resume)],
    ],
  };
}

/** What stands between the markers of the pages about them. */
export function sharesSection(results: PrimitiveResults): string {
  const handoffs = handoffTable(results, (kind) => kind !== SHARES.leaders.id);
  return section(results, handoffs, batchTable(results));
}

export function electionSection(results: PrimitiveResults): string {
  const handoffs = handoffTable(results, (kind) => kind === OURS.id || kind === SHARES.leaders.id);
  return section(results, handoffs, successionTable(results));
}

export function severalSection(results: PrimitiveResults): string {
  return section(results, severalTable(results));
}

export function resumeSection(results: PrimitiveResults): string {
  return section(results, resumeTable(results));
}

export function counterSection(results: PrimitiveResults): string {
  return section(results, countingTable(results));
}

function section(results: PrimitiveResults, ...tables: readonly Table[]): string {
  return [where(results), ...tables.map((table) => `${table.title}:\n\n${toMarkdown(table)}`)].join('\n\n');
}

function where({ machine, date, handoffs }: PrimitiveResults): string {
  const overlaps = handoffs.reduce((sum, each) => sum + each.overlaps, 0);
  return (
    `\`npm run bench -- primitives\`, ${date.slice(0, 10)}, server and clients together on ${machine.cores} cores of ` +
    `${machine.cpu}, Node.js ${machine.node}; overlapping holds: ${overlaps}.`
  );
}

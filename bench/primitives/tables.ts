import { budgetTable } from '../reporting/budget-table.ts';
import { figure, spread } from '../reporting/format.ts';
import type { Table } from '../reporting/table.ts';
import type { PrimitiveResults } from './run.ts';

/** What was measured of semaphores and read-write locks. */
export function primitiveTables(results: PrimitiveResults): Table[] {
  return [handoffTable(results), batchTable(results), budgetTable(results.budgets)];
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

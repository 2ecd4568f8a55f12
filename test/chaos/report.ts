import { figure } from '../../bench/reporting/format.ts';
import { describeHost, type Host } from '../../bench/reporting/machine.ts';
import type { Table } from '../../bench/reporting/table.ts';
import type { Run } from './history.ts';
import type { Verdict } from './verdict.ts';

/** What one run came to. */
export interface Report extends Pick<Run, 'engine' | 'minutes' | 'seed' | 'servers'> {
  readonly date: string;
  readonly host: Host;
  /** How often each kind of fault was inflicted. */
  readonly faults: Readonly<Record<string, number>>;
  readonly counts: Verdict['counts'];
  readonly findings: readonly {
    readonly promise: string;
    readonly checked: number;
    readonly broken: number;
  }[];
}

export function reportOf(run: Run, { findings, counts }: Verdict): Report {
  const { engine, minutes, seed, servers, injuries } = run;
  const faults: Record<string, number> = {};
  for (const { kind } of injuries) faults[kind] = (faults[kind] ?? 0) + 1;
  return {
    ...{ engine, minutes, seed, servers, counts, date: new Date().toISOString(), host: describeHost() },
    faults: Object.fromEntries(Object.entries(faults).sort()),
    findings: findings.map(({ broken, ...finding }) => ({ ...finding, broken: broken.length })),
  };
}

/** For the terminal. */
export function reportTables({ faults, counts, findings }: Report): Table[] {
  const rowsOf = (numbers: Readonly<Record<string, number>>) =>
    Object.entries(numbers).map(([what, count]) => [what, figure(count)]);
  return [
    { title: 'Faults', head: ['fault', 'times'], rows: rowsOf(faults) },
    { title: 'What happened', head: ['', ''], rows: rowsOf(counts) },
    {
      title: 'Promises',
      head: ['promise', 'checked', 'broken'],
      rows: findings.map(({ promise, checked, broken }) => [promise, figure(checked), figure(broken)]),
    },
  ];
}

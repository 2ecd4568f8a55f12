import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { figure } from '../../bench/reporting/format.ts';
import { describeHost, type Host } from '../../bench/reporting/machine.ts';
import { type Table, toMarkdown } from '../../bench/reporting/table.ts';
import { ENGINES } from './engines.ts';
import type { Run } from './history.ts';
import type { Verdict } from './verdict.ts';

/** What one run came to; those of the committed runs are kept. */
export interface Report extends Pick<Run, 'engine' | 'minutes' | 'seed'> {
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

const FOLDER = new URL('./reports/', import.meta.url);
export const PAGE = new URL('../../docs/reliability-report.md', import.meta.url);

export function reportOf({ engine, minutes, seed, injuries }: Run, { findings, counts }: Verdict): Report {
  const faults: Record<string, number> = {};
  for (const { kind } of injuries) faults[kind] = (faults[kind] ?? 0) + 1;
  return {
    ...{ engine, minutes, seed, counts, date: new Date().toISOString(), host: describeHost() },
    faults: Object.fromEntries(Object.entries(faults).sort()),
    findings: findings.map(({ broken, ...finding }) => ({ ...finding, broken: broken.length })),
  };
}

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

/** Keeps a report as the one of its engine, and writes the page anew. */
export function keepReport(report: Report): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(report.engine), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(PAGE, reportPage(keptReports()));
}

export function keptReports(): Report[] {
  return Object.keys(ENGINES)
    .filter((engine) => existsSync(fileOf(engine)))
    .map((engine) => JSON.parse(readFileSync(fileOf(engine), 'utf8')) as Report);
}

export function reportPage(reports: readonly Report[]): string {
  const sections = reports.flatMap((report) => {
    const { engine, minutes, seed, date, host } = report;
    const where = `${host.cores} cores of ${host.cpu}, Node.js ${host.node}`;
    return [
      `## ${engine}`,
      `${figure(minutes)} minutes on ${date.slice(0, 10)}, ${where}: \`npm run chaos -- --engine ${engine} --minutes ${minutes} --seed ${seed}\``,
      ...reportTables(report).map((table) => toMarkdown(table)),
    ];
  });
  return `${[HEAD, ...sections].join('\n\n')}\n`;
}

const HEAD = `# Reliability report

Client processes competed for locks while faults befell them, their servers and the network between them. Each process wrote
down what it was told and when; afterwards a program of its own held all that against what the library promises. This page is
written by \`npm run chaos -- … --report\`. What the promises mean stands in [reliability](reliability.md).

Two leases overlap only if the second was granted before the first was released, or before its deadline if it was not. Where a
server was made to forget in between, or somebody took the lock by force, an overlap is nobody's fault; the fence rises all the
same, and a register that looks at it loses nothing. The register beside it, which does not, shows what would have been lost.`;

function fileOf(engine: string): URL {
  return new URL(`${engine}.json`, FOLDER);
}

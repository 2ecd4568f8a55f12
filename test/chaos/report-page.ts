// The page of the committed runs, one of each engine.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { figure } from '../../bench/reporting/format.ts';
import { toMarkdown } from '../../bench/reporting/table.ts';
import { ENGINES } from './engines.ts';
import type { Report } from './report.ts';

const FOLDER = new URL('./reports/', import.meta.url);
export const PAGE = new URL('../../docs/reliability-report.md', import.meta.url);

/** Keeps a report as the one of its engine, and writes the page anew. */
export function keepReport(report: Report): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(report.engine), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(PAGE, reportPage(keptReports()));
}

/** The latest kept run of each engine that has one. */
export function keptReports(): Report[] {
  return Object.keys(ENGINES)
    .filter((engine) => existsSync(fileOf(engine)))
    .map((engine) => JSON.parse(readFileSync(fileOf(engine), 'utf8')) as Report);
}

export function reportPage(reports: readonly Report[]): string {
  const sections = [
    HEAD,
    '## The runs',
    runs(reports),
    '## What was promised',
    PROMISES,
    perEngine('promise', reports, ({ findings }) =>
      findings.map(({ promise, checked, broken }) => [promise, verdictOn(checked, broken)]),
    ),
    '## What happened',
    perEngine('', reports, ({ counts }) =>
      Object.entries(counts).map(([what, count]) => [what, figure(count)]),
    ),
    '## What was done to them',
    FAULTS,
    perEngine('fault', reports, ({ faults }) =>
      Object.entries(faults).map(([kind, times]) => [kind, figure(times)]),
    ),
    '## How to make such a run',
    REPEAT,
    ['```sh', ...reports.map(commandOf), '```'].join('\n'),
  ];
  return `${sections.join('\n\n')}\n`;
}

function runs(reports: readonly Report[]): string {
  return toMarkdown({
    head: ['engine', 'servers', 'minutes', 'seed', 'acquisitions', 'faults', 'kinds', 'verdict', 'made on'],
    words: true,
    rows: reports.map(({ engine, servers, minutes, seed, counts, findings, date, host }) => {
      const broken = findings.filter((finding) => finding.broken > 0).length;
      return [
        ...[engine, servers, figure(minutes), String(seed), figure(counts.acquisitions)],
        ...[figure(counts.faults), figure(counts['kinds of faults'])],
        broken === 0 ? 'every promise was kept' : `**${broken} of ${findings.length} promises broken**`,
        `${date.slice(0, 10)}, Node.js ${host.node}, ${host.cores} cores of ${host.cpu}, ${host.kernel}`,
      ];
    }),
  });
}

type Rows = readonly (readonly [what: string, figure: string])[];

/** One column for each engine. What only some of them have is none with the others. */
function perEngine(head: string, reports: readonly Report[], rowsOf: (report: Report) => Rows): string {
  const columns = reports.map((report) => new Map(rowsOf(report)));
  const names = [...new Set(columns.flatMap((column) => [...column.keys()]))];
  return toMarkdown({
    head: [head, ...reports.map(({ engine }) => engine)],
    rows: names.map((name) => [name, ...columns.map((column) => column.get(name) ?? figure(null))]),
  });
}

function verdictOn(checked: number, broken: number): string {
  // What could not have been broken was not kept either.
  if (checked === 0 && broken === 0) return figure(null);
  return broken === 0 ? figure(checked) : `**${figure(broken)} broken** of ${figure(checked)}`;
}

function commandOf({ engine, minutes, seed }: Report): string {
  return `npm run chaos -- --engine ${engine} --minutes ${minutes} --seed ${seed}`;
}

function fileOf(engine: string): URL {
  return new URL(`${engine}.json`, FOLDER);
}

const HEAD = `# Reliability report

Client processes competed for locks while faults befell them, their servers and the network between them. Each process wrote
down what it was told and when; afterwards a program of its own held all that against what the library promises. This page is
written by \`npm run chaos -- … --report\`; all its figures are of the runs in the first table. What the promises mean, and what
is not promised, stands in [reliability](reliability.md).`;

const PROMISES = `How often each promise could have been broken, and how often it was, if it was.

Two leases overlap if the second was granted before the first was released, or before its deadline if it was not. Where a
server was made to forget in between, or somebody took the lock by force, an overlap is nobody's fault; the fence rises all the
same, and a register that looks at it loses nothing.`;

const FAULTS = `How often each fault was inflicted. Several go on side by side: on the clients, on the links, and on the servers.`;

const REPEAT = `The seed decides which faults come when, and what each worker sets out to do; how all that falls together is up to the
machine. \`--keep\` keeps the histories, \`--report\` makes the run the one of its engine on this page.`;

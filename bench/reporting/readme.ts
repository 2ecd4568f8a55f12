import { readFileSync, writeFileSync } from 'node:fs';
import type { Results } from '../results.ts';
import type { HandoffRow } from '../scenarios/handoff.ts';
import { outOfOrderShare } from './contention-tables.ts';
import { figure, percent } from './format.ts';
import { toMarkdown } from './table.ts';

export const BEGIN = '<!-- benchmark -->';
export const END = '<!-- /benchmark -->';

/** The largest crowd in which everybody was measured. */
const SHOWN = { processes: 4, workers: 100, holdMs: 1 };

/** What stands between the markers in the README; without a committed run, that there is none. */
export function readmeSection(results: Results | undefined): string {
  if (!results) return '_No run has been committed yet._';
  const { machine, budgets, contestants, scenarios, failures } = results;
  const rows = (scenarios.handoff?.rows ?? []).filter(isShown);
  const failed = failures.filter(
    ({ scenario, where }) => scenario === 'handoff' && where === '4 × 100, hold 1 ms',
  );
  const label = (id: string): string => {
    const version = contestants.find((each) => each.id === id)?.version;
    return version ? `${id} ${version}` : id;
  };
  const table = toMarkdown({
    head: [
      '',
      'commands per acquisition',
      'release → next holder, p50 / p99',
      'longest wait / fair share',
      'out of order',
    ],
    rows: [
      ...rows.map((row) => [label(row.contestant), ...cells(row)]),
      ...failed
        .filter(({ contestant }) => !rows.some((row) => row.contestant === contestant))
        .map(({ contestant, error }) => [label(contestant), `fails: ${error}`, '', '', '']),
    ],
  });
  const met = budgets.filter((line) => line.met).length;
  const apart = machine.processors ? ', one of them for the server alone' : '';
  const where = `${machine.cores} cores of ${machine.cpu}${apart}, Node.js ${machine.node}, Redis ${machine.redis}`;
  return [
    `400 contenders in 4 processes, one lock, held 1 ms; ${where}, ${results.date.slice(0, 10)}:`,
    table,
    `${met} of ${budgets.length} budgets met. All figures: [report](bench/report/report.md).`,
  ].join('\n\n');
}

/** A README with a section put in the place of what stands between the markers. */
export function withSection(readme: string, section: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`the README lacks ${BEGIN} … ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${section}\n\n${readme.slice(end)}`;
}

export function updateReadme(file: URL, results: Results | undefined): void {
  writeFileSync(file, withSection(readFileSync(file, 'utf8'), readmeSection(results)));
}

function isShown({ processes, workers, holdMs }: HandoffRow): boolean {
  return processes === SHOWN.processes && workers === SHOWN.workers && holdMs === SHOWN.holdMs;
}

function cells(row: HandoffRow): string[] {
  const { p50, p99, longestWaitOverShare } = row.figures;
  return [
    figure(row.counted?.commandsPerAcquisition),
    `${figure(p50.median / 1_000)} / ${figure(p99.median / 1_000)} ms`,
    `${figure(longestWaitOverShare.median)} ×`,
    percent(outOfOrderShare(row)),
  ];
}

// Judges the histories of a run, which lie in the folder that is its first argument; with `--report` after it the verdict
// becomes the committed one of the engine. Exit status 1 when a promise was broken.
import { toTerminal } from '../../bench/reporting/table.ts';
import { readHistories, readRun } from './history.ts';
import { reportOf, reportTables } from './report.ts';
import { keepReport } from './report-page.ts';
import { judge } from './verdict.ts';

const SHOWN = 10;

const [folder = '.', keep] = process.argv.slice(2);
const run = readRun(folder);
const verdict = judge(run, readHistories(folder));
const report = reportOf(run, verdict);
for (const table of reportTables(report)) console.log(toTerminal(table));
for (const { promise, broken } of verdict.findings) {
  for (const each of broken.slice(0, SHOWN)) console.log(`BROKEN: ${promise}: ${each}`);
}
if (keep === '--report') keepReport(report);
const broken = verdict.findings.filter((finding) => finding.broken.length > 0).length;
console.log(
  `${run.engine}, ${run.minutes} minutes, seed ${run.seed}: ` +
    (broken === 0 ? 'every promise was kept' : `${broken} promises were BROKEN`),
);
process.exitCode = broken === 0 ? 0 : 1;

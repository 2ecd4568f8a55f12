import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Results } from '../results.ts';
import { plots } from './plots.ts';
import { report } from './report.ts';

export const REPORT_DIR = new URL('../report/', import.meta.url);
const RESULTS = 'results.json';

/** Writes results, report and plots into a folder. */
export function writeReport(results: Results, dir: URL): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(new URL(RESULTS, dir), toJson(results));
  // From what was written, where what is not a number has become null: a later run over it gives the same page.
  const written = JSON.parse(toJson(results)) as Results;
  writeFileSync(new URL('report.md', dir), report(written));
  for (const [name, svg] of plots(written)) writeFileSync(new URL(name, dir), svg);
}

/** The committed run, if there is one. */
export function readResults(dir: URL = REPORT_DIR): Results | undefined {
  const file = new URL(RESULTS, dir);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : undefined;
}

/** JSON with each list of numbers, and each series, on one line. */
function toJson(results: Results): string {
  const onOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');
  const text = JSON.stringify(results, null, 2)
    .replaceAll(/\[[\s\d.,e+-]*(?:null[\s\d.,e+-]*)*\]/g, onOneLine)
    .replaceAll(/\{\s*"median"[^{}]*\}/g, onOneLine);
  return `${text}\n`;
}

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../bench/budgets.ts';
import { REPORT_DIR, readResults } from '../../bench/reporting/files.ts';
import { BEGIN, END, readmeSection, withSection } from '../../bench/reporting/readme.ts';
import { report } from '../../bench/reporting/report.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const results = readResults();

describe('the benchmark section of the README', () => {
  it('is what `npm run bench -- readme` makes of the committed run', () => {
    expect(withSection(README, readmeSection(results))).toBe(README);
  });

  it('cannot be there without its markers', () => {
    expect(() => withSection('# batonlock', 'text')).toThrow(BEGIN);
    expect(withSection(`a ${BEGIN} old ${END} b`, 'new')).toBe(`a ${BEGIN}\n\nnew\n\n${END} b`);
  });
});

it('the committed report is what comes of the committed results', () => {
  const file = new URL('report.md', REPORT_DIR);
  const written = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  expect(written).toBe(results && report(results));
});

it('the committed budget lines are what comes of the committed figures', () => {
  expect(results?.budgets).toEqual(results && evaluate(results.scenarios));
});

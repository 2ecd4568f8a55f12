import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Report } from './report.ts';
import { keptReports, PAGE, reportPage } from './report-page.ts';

const REPORT: Report = {
  ...{ engine: 'redis', servers: 'Redis 7.0.15', minutes: 60, seed: 7, date: '2026-01-02T03:04:05.678Z' },
  host: { cpu: 'some processor', cores: 2, memoryGiB: 8, kernel: 'Linux 6', node: '20.20.0' },
  faults: { 'links are cut': 12, FLUSHALL: 3 },
  counts: { acquisitions: 1_234_567, faults: 15, 'kinds of faults': 2 },
  findings: [
    { promise: 'nobody overlaps', checked: 1_234_000, broken: 0 },
    { promise: 'the deaf go on', checked: 9, broken: 0 },
  ],
};

describe('the page of the committed runs', () => {
  it('is what comes of what they were', () => {
    const reports = keptReports();
    const written = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : undefined;
    expect(written).toBe(reports.length > 0 ? reportPage(reports) : undefined);
  });

  it('has a row for each run and a column for each engine', () => {
    const other: Report = {
      ...{ ...REPORT, engine: 'etcd', servers: 'etcd 3.4.23', minutes: 10, seed: 8 },
      faults: { 'another member leads': 4 },
      findings: [
        { promise: 'nobody overlaps', checked: 1_000, broken: 1 },
        { promise: 'the deaf go on', checked: 0, broken: 0 },
      ],
    };
    const page = reportPage([REPORT, other]);
    expect(page).toContain(
      '| redis | Redis 7.0.15 | 60 | 7 | 1 234 567 | 15 | 2 | every promise was kept | ' +
        '2026-01-02, Node.js 20.20.0, 2 cores of some processor, Linux 6 |',
    );
    expect(page).toContain('**1 of 2 promises broken**');
    expect(page).toContain('| nobody overlaps | 1 234 000 | **1 broken** of 1 000 |');
    expect(page).toContain('| the deaf go on | 9 | – |');
    expect(page).toContain('| links are cut | 12 | – |');
    expect(page).toContain('| another member leads | – | 4 |');
    expect(page).toContain('npm run chaos -- --engine etcd --minutes 10 --seed 8');
  });
});

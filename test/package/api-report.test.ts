import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiReport, apiReports } from './api-report.ts';
import { SUBPATHS } from './manifest.ts';
import { ROOT, Tarball } from './tarball.ts';

describe('the public API', () => {
  let tarball: Tarball;
  let reports: ApiReport[];
  beforeAll(async () => {
    tarball = await Tarball.pack();
    reports = await apiReports(tarball.folder);
  });
  afterAll(() => tarball[Symbol.asyncDispose]());

  it('has one reviewed report for each subpath', () => {
    const files = SUBPATHS.map(({ title }) => `${title}.api.md`);
    expect(readdirSync(join(ROOT, 'api')).sort()).toEqual(files.sort());
  });

  for (const { title, specifier } of SUBPATHS) {
    it(`of ${specifier} is as the report says, or \`npm run api\` has to write a new one`, () => {
      const file = `api/${title}.api.md`;
      const report = reports.find((one) => one.file === file);
      expect(report?.text).toBe(readFileSync(join(ROOT, file), 'utf8'));
    });
  }

  it('has a name for everything that stands in a signature', () => {
    const [root] = reports;
    const nameless = reports.flatMap(({ file, missing }) =>
      missing.filter((name) => !root?.names.includes(name)).map((name) => `${name} of ${file}`),
    );
    expect(root?.names).toContain('LockCreator');
    expect(nameless).toEqual([]);
  });
});

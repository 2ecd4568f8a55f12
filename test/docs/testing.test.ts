import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/testing.md'), 'utf8');
const run = promisify(execFile);

describe('docs/testing.md', () => {
  // Inside the repository, where packages are found.
  const folder = mkdtempSync(join(ROOT, 'test/docs/.example-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has tests in its examples that pass', async () => {
    const examples = [...PAGE.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
    expect(examples).toHaveLength(4);
    const files = examples.map((example, index) => {
      const file = join(folder, `example-${index}.ts`);
      const code = example
        .replaceAll("'batonlock'", "'../../../src/index.ts'")
        .replaceAll("'batonlock/testing'", "'../../../src/testing/kit.ts'");
      writeFileSync(file, code);
      return file;
    });
    // Of the suite, which test/testing runs as a whole, one case.
    const titles = examples.flatMap(
      (example) => example.match(/(?<=^it\(')[^']+/m) ?? 'grants a free lock at once',
    );
    const pattern = `--test-name-pattern=${titles.map((title) => `^${title}$`).join('|')}`;
    const args = ['--import', 'tsx', '--test-reporter', 'tap', pattern, '--test', ...files];
    const { stdout } = await run(process.execPath, args, { cwd: ROOT });
    expect(stdout).toMatch(/^# fail 0$/m);
    // One in each of the first three, and one for each kind of lock.
    expect(stdout).toMatch(/^# pass 6$/m);
  }, 60_000);

  it('names the subpath that the package has', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, { types: string; default: string }>;
    };
    const source = exports['./testing']?.default.replace('./dist/', 'src/').replace('.js', '.ts');
    expect(source).toBe('src/testing/kit.ts');
    expect(existsSync(join(ROOT, source ?? ''))).toBe(true);
  });
});

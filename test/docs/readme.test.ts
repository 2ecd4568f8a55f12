import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const run = promisify(execFile);

describe('the README', () => {
  // Inside the repository, where packages are found.
  const folder = mkdtempSync(join(ROOT, 'test/docs/.example-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has examples that compile under the strict options and run', async () => {
    const examples = [...README.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
    expect(examples).toHaveLength(2);
    for (const [index, example] of examples.entries()) {
      const code = example.replace("'batonlock'", "'../../../src/index.ts'");
      writeFileSync(join(folder, `example-${index}.ts`), code);
    }
    const config = { extends: '../../../tsconfig.json', include: ['example-*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await run('npx', ['tsc', '-p', folder], { cwd: ROOT });
    await using server = await startRedis();
    const env = { ...process.env, REDIS_URL: server.url, LOCKS_URL: server.url };
    for (const index of examples.keys()) {
      const { stdout } = await run('npx', ['tsx', join(folder, `example-${index}.ts`)], { cwd: ROOT, env });
      expect(stdout).toMatch(/^order 42 is mine, fencing token \d{16}\n$/);
    }
  }, 60_000);

  it('names commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const commands = [...README.matchAll(/npm (?:run )?(test|demo)\b/g)].map(([, name]) => name ?? '');
    expect(new Set(commands)).toEqual(new Set(['demo', 'test']));
    for (const name of commands) expect(scripts).toHaveProperty(name);
  });

  it('has links that resolve', () => {
    const links = [...README.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '');
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((link) => !link.startsWith('http') && !existsSync(join(ROOT, link)))).toEqual([]);
  });
});

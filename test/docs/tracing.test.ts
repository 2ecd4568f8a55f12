import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { acquires, losses, pokes, refreshes, releases, resumptions } from '../../src/core/diagnostics.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/tracing.md'), 'utf8');
const run = promisify(execFile);

describe('docs/tracing.md', () => {
  // Inside the repository, where packages are found.
  const folder = mkdtempSync(join(ROOT, 'test/docs/.example-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has examples that compile under the strict options and print what they say', async () => {
    const examples = [...PAGE.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
    const files = examples.map((example, index) => {
      const file = join(folder, `example-${index}.ts`);
      const code = example
        .replaceAll("'batonlock'", "'../../../src/index.ts'")
        .replaceAll("'batonlock/opentelemetry'", "'../../../src/observe/opentelemetry.ts'");
      writeFileSync(file, code);
      return file;
    });
    const config = { extends: '../../../tsconfig.json', include: ['example-*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await run('npx', ['tsc', '-p', folder], { cwd: ROOT });
    const printed: string[] = [];
    for (const file of files) printed.push((await run('npx', ['tsx', file], { cwd: ROOT })).stdout);
    expect(printed).toEqual(['order 42 is mine\n', 'orders:42: granted by a reply, waited 0 s\n']);
  }, 60_000);

  it('names every channel', () => {
    const named = [...PAGE.matchAll(/^\| `(batonlock:\w+)`/gm)].map(([, name]) => name);
    const tracing = [acquires, releases, refreshes, resumptions].map(({ start }) => String(start.name));
    const all = [
      ...tracing.map((name) => name.replace(/^tracing:(.*):start$/, '$1')),
      losses.name,
      pokes.name,
    ];
    expect(named).toEqual(all);
  });

  it('names the subpath that the package has', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, { types: string; default: string }>;
    };
    expect(exports['./opentelemetry']).toEqual({
      types: './dist/observe/opentelemetry.d.ts',
      default: './dist/observe/opentelemetry.js',
    });
  });
});

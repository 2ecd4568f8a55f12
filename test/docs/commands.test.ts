import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages, ROOT } from './code-blocks.ts';

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
/** What npm has by itself. */
const OF_NPM = ['ci', 'init', 'install', 'pack', 'pkg'];

describe.each(pages())('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');

  it('names commands that exist', () => {
    const commands = [...text.matchAll(/\bnpm (?:run )?([a-z][\w:-]*)/g)].map(([, name = '']) => name);
    expect(commands.filter((name) => !(name in scripts) && !OF_NPM.includes(name))).toEqual([]);
  });

  it('names examples that exist', () => {
    const files = [...text.matchAll(/\b(?:npx tsx (?:--test )?)(examples\/[\w./-]+)/g)].map(
      ([, file = '']) => file,
    );
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

it('the README says how to see it at work, and how to test it', () => {
  const [shown] = /```sh\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.slice(1) ?? [];
  expect(shown).toBe('npm ci && npm run demo\nnpm ci && npm test\n');
});

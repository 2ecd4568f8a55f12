import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { codeBlocks, pages } from './code-blocks.ts';
import { Programs, withoutTokens } from './programs.ts';

/** Pages whose blocks are run by a test of their own, because they need more than to be started. Compiled they are here. */
const RUN_ELSEWHERE = ['docs/reliability.md', 'docs/testing.md'];
/** `json` and `text` are for people to read: drawings, output, lines of a configuration. */
const LANGUAGES = ['ts', 'js', 'sh', 'json', 'text'];

const blocks = pages().flatMap((page) => codeBlocks(page));
const programs = blocks.filter(({ language }) => language === 'ts' || language === 'js');
const run = programs
  .filter(({ page }) => !RUN_ELSEWHERE.includes(page))
  .map((block) => ({ ...block, at: `${block.page}:${block.line}` }));

describe('the code of the documentation', () => {
  let compiled: Programs;
  let server: RedisServer;
  beforeAll(async () => {
    compiled = new Programs(programs);
    server = await startRedis();
  });
  afterAll(async () => {
    compiled[Symbol.dispose]();
    await server.stop();
  });

  it('says what language it is in', () => {
    const others = blocks.filter(({ language }) => !LANGUAGES.includes(language));
    expect(others.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
  });

  it('is on every page for which it is said to be run elsewhere', () => {
    expect(new Set(programs.map(({ page }) => page))).toEqual(
      new Set([...RUN_ELSEWHERE, ...run.map(({ page }) => page)]),
    );
    for (const page of RUN_ELSEWHERE) expect(programs.some((block) => block.page === page)).toBe(true);
  });

  it('compiles under the strict options', () => compiled.compile(), 240_000);

  it.concurrent.each(run)('runs to its end: $at', async (block) => {
    const printed = await compiled.run(block, { REDIS_URL: server.url, LOCKS_URL: server.url });
    if (block.output !== undefined) expect(withoutTokens(printed)).toBe(withoutTokens(block.output));
  });
});

it('the blocks of a page are found with what belongs to them', () => {
  const page = [
    '- <!-- setup',
    '  const a = 1;',
    '  -->',
    '',
    '  ```ts worker.ts',
    '  console.log(a);',
    '  ```',
    '',
    '  ```text output',
    '  1',
    '  ```',
    '',
    '```sh',
    'ls',
    '```',
  ].join('\n');
  expect(codeBlocks('page.md', page)).toMatchObject([
    {
      line: 5,
      language: 'ts',
      file: 'worker.ts',
      code: 'console.log(a);\n',
      setup: 'const a = 1;\n',
      output: '1\n',
    },
    { language: 'text', file: 'output' },
    { line: 13, language: 'sh', file: undefined, code: 'ls\n', setup: '', output: undefined },
  ]);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function example(name: string, ...args: string[]): Promise<{ code: number; lines: string[] }> {
  const file = `examples/${name}/main.ts`;
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { cwd: ROOT });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, lines: output.trim().split('\n') };
}

describe.each(['memory', 'Redis'])('on %s', (engine) => {
  it('downloads use no more lines than there are', async () => {
    await using server = engine === 'Redis' ? await startRedis() : undefined;
    const { code, lines } = await example('downloads', ...(server ? ['--redis', server.url] : []));
    expect(lines.slice(0, -1).sort()).toEqual(
      [...Array.from({ length: 12 }, (_, index) => `file ${index + 1}`), 'the image']
        .map((file) => `${file} is here`)
        .sort(),
    );
    expect(lines.at(-1)).toBe('never more than 3 of 3 lines were in use');
    expect(code).toBe(0);
  });

  it('workers never see half a configuration', async () => {
    await using server = engine === 'Redis' ? await startRedis() : undefined;
    const { code, lines } = await example('live-config', ...(server ? ['--redis', server.url] : []));
    const served = lines.filter((line) => line.startsWith('worker'));
    expect(served).toHaveLength(12);
    expect(served.filter((line) => !/ (one:1|two:2)$/.test(line))).toEqual([]);
    const changed = lines.indexOf('the configuration is changed');
    expect(changed).toBeGreaterThanOrEqual(4);
    expect(lines.slice(changed).filter((line) => line.endsWith('one:1'))).toEqual([]);
    expect(lines).toContain('checked two:2');
    expect(code).toBe(0);
  });
});

it.each(['downloads', 'live-config'])('%s says in one line that the server cannot be used', async (name) => {
  const server = await startRedis();
  await server.stop();
  const { code, lines } = await example(name, '--redis', server.url);
  expect(lines).toEqual([expect.stringMatching(/: Redis does not answer/)]);
  expect(code).toBe(2);
});

import { describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { runExample } from './run-example.ts';

describe.each(['memory', 'Redis'])('on %s', (engine) => {
  it('downloads use no more lines than there are', async () => {
    await using server = engine === 'Redis' ? await startRedis() : undefined;
    const { code, lines } = await runExample('downloads', ...(server ? ['--redis', server.url] : []));
    expect(lines.slice(0, -1).toSorted()).toEqual(
      [...Array.from({ length: 12 }, (_, index) => `file ${index + 1}`), 'the image']
        .map((file) => `${file} is here`)
        .sort(),
    );
    expect(lines.at(-1)).toBe('never more than 3 of 3 lines were in use');
    expect(code).toBe(0);
  });

  it('workers never see half a configuration', async () => {
    await using server = engine === 'Redis' ? await startRedis() : undefined;
    const { code, lines } = await runExample('live-config', ...(server ? ['--redis', server.url] : []));
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
  const { code, lines } = await runExample(name, '--redis', server.url);
  expect(lines).toEqual([expect.stringMatching(/: Redis does not answer/)]);
  expect(code).toBe(2);
});

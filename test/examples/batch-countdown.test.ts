import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { runExample } from './run-example.ts';

/** Each item once, all numbers of what is left, and only then the end. */
function expectCountdown(lines: readonly string[]): void {
  const done = lines.flatMap((line) => /^worker \d has done (item \d+), (\d+) left$/.exec(line) ?? []);
  const items = done.filter((_, index) => index % 3 === 1);
  const left = done.filter((_, index) => index % 3 === 2).map(Number);
  expect(new Set(items).size).toBe(20);
  expect(left.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, value) => value));
  expect(lines[20]).toBe('all 20 items are done');
  expect(lines[21]).toContain('has to be started again');
  expect(lines).toHaveLength(22);
}

describe('the batch countdown', () => {
  it('runs in memory', async () => {
    const { code, lines } = await runExample('batch-countdown');
    expectCountdown(lines);
    expect(code).toBe(0);
  });

  it('runs on Redis, and leaves no counter there', async () => {
    await using server = await startRedis();
    const { code, lines } = await runExample('batch-countdown', '--redis', server.url);
    expectCountdown(lines);
    expect(code).toBe(0);
    const redis = new Redis(server.url);
    // What is left are the latest requests of the clients, which end by themselves.
    const keys = await redis.keys('*');
    expect(keys.filter((key) => key.endsWith(':counter'))).toEqual([]);
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
    redis.disconnect();
  });

  it('says in one line that the server cannot be used', async () => {
    const server = await startRedis();
    await server.stop();
    const { code, lines } = await runExample('batch-countdown', '--redis', server.url);
    expect(code).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^batch countdown: Redis does not answer/);
  });
});

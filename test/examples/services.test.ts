import { Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { runExample } from './run-example.ts';

// All at once, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 120_000 });

describe.each(['memory', 'Redis'])('on %s', (engine) => {
  async function run(example: string) {
    await using server = engine === 'Redis' ? await startRedis() : undefined;
    return await runExample(example, ...(server ? ['--redis', server.url] : []));
  }

  it.concurrent('express-handler: an order is charged once, and whoever has asked is answered', async () => {
    const { code, lines } = await run('express-handler');
    expect(lines.toSorted()).toEqual([
      ...Array.from({ length: 4 }, () => '200 {"order":"42","status":"was paid before"}'),
      '201 {"order":"42","status":"paid"}',
      'order 42 is charged',
    ]);
    expect(code).toBe(0);
  });

  it.concurrent('cron-once: each tick is served by one of three instances', async () => {
    const { code, lines } = await run('cron-once');
    const ticks = lines.map(
      (line) => /^(\S+Z): the report is written by (Ann|Ben|Cem)$/.exec(line)?.[1] ?? line,
    );
    // A slow machine may leave ticks out; none may come twice.
    expect(ticks.map((tick) => Date.parse(tick) % 1_000)).toEqual([0, 0, 0]);
    expect(new Set(ticks).size).toBe(3);
    expect(code).toBe(0);
  });

  it.concurrent('fenced-sql: without the fence a sale is lost, with it the late seller is refused', async () => {
    const { code, lines } = await run('fenced-sql');
    const [without, fenced] = lines.join('\n').split('With the fence:\n');
    expect(without).toContain('sold 2 of 10, and the shelf says 9');
    expect(fenced?.split('\n').map((line) => line.trim())).toEqual([
      'Ann reads a stock of 10',
      'Ben reads a stock of 10',
      'Ben has sold one, 9 left',
      'Ann is refused: the shop has had a later holder',
      'Ann reads a stock of 9',
      'Ann has sold one, 8 left',
      'sold 2 of 10, and the shelf says 8',
    ]);
    expect(code).toBe(0);
  });
});

it('bullmq-job: no customer has two jobs under way, all jobs are done, and nothing of the queue is left', async () => {
  await using server = await startRedis();
  const { code, lines } = await runExample('bullmq-job', '--redis', server.url);
  const done = ['Ann', 'Ben', 'Cem'].flatMap((customer) =>
    [1, 2, 3].map((step) => `${customer}: job ${step} is done`),
  );
  expect(lines.slice(0, -1).toSorted()).toEqual(done);
  expect(lines.at(-1)).toBe('all jobs are done');
  expect(code).toBe(0);
  const redis = new Redis(server.url);
  expect(await redis.keys('bull:*')).toEqual([]);
  redis.disconnect();
});

it.concurrent.each(['express-handler', 'cron-once', 'fenced-sql', 'bullmq-job'])(
  '%s says in one line that the server cannot be used',
  async (name) => {
    const server = await startRedis();
    await server.stop();
    const { code, lines } = await runExample(name, '--redis', server.url);
    expect(lines).toEqual([expect.stringMatching(/: (no use of Redis|Redis does not answer)/)]);
    expect(code).toBe(2);
  },
);

import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { type Ran, runExample } from './run-example.ts';

/** Runs an example in memory, then on Redis, where it must leave no lock behind. */
async function runBoth(example: string): Promise<Ran[]> {
  const inMemory = await runExample(example);
  await using server = await startRedis();
  const onRedis = await runExample(example, '--redis', server.url);
  const redis = new Redis(server.url);
  // What is left of a lock is its fence.
  const records = await Promise.all((await redis.keys('baton:*')).map((key) => redis.get(key)));
  redis.disconnect();
  expect(records.length).toBeGreaterThan(0);
  for (const record of records) expect(record).toMatch(/^\d{16}$|^\d{16}.* -$/);
  return [inMemory, onRedis];
}

function fences(output: string): string[] {
  return [...output.matchAll(/token (\d{16})/g)].map(([, token]) => token ?? '');
}

describe('the examples of several processes', () => {
  it('transfer: no money is lost between two accounts', async () => {
    for (const { code, output } of await runBoth('transfer')) {
      expect(output).toMatch(/^total {4}3000 after 200 transfers, 3000 before$/m);
      expect(code).toBe(0);
    }
  }, 60_000);

  it('leader: one leads after the other, each to the end of its work', async () => {
    for (const { code, output } of await runBoth('leader')) {
      for (const name of ['Ann', 'Ben', 'Cem']) {
        expect(output.split('\n').filter((line) => line === `${name} has written its reports`)).toHaveLength(
          1,
        );
      }
      const led = [...output.matchAll(/leads, fencing token (\d+)/g)].map(([, token]) => token);
      expect(led.length).toBeGreaterThanOrEqual(3);
      expect(led).toEqual([...led].sort());
      // Who was deposed has done it again.
      expect(output.match(/is deposed/g) ?? []).toHaveLength(led.length - 3);
      expect(output).toMatch(/seen: a leader with token/);
      expect(code).toBe(0);
    }
  }, 60_000);

  it('job-steps: the lock goes with the job, and nobody comes in between', async () => {
    const [inMemory, onRedis] = await runBoth('job-steps');
    for (const { code, output } of [inMemory!, onRedis!]) {
      const [packed, shipped, cancelled] = fences(output);
      expect(output).toMatch(/packed.*\n.*shipped.*\n.*too late to cancel/);
      expect(shipped).toBe(packed);
      expect(Number(cancelled)).toBeGreaterThan(Number(packed));
      expect(code).toBe(0);
    }
    const processes = ({ output }: Ran) =>
      new Set([...output.matchAll(/by process (\d+)/g)].map(([, pid]) => pid));
    expect([processes(inMemory!).size, processes(onRedis!).size]).toEqual([1, 2]);
  }, 60_000);

  it.each(['transfer', 'leader', 'job-steps'])('%s takes no other arguments', async (example) => {
    expect((await runExample(example, '--rediss')).code).not.toBe(0);
  });
});

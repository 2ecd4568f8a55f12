import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../bench/contestants/contestant.ts';
import { BARE, BARE_AWAKE, CONTESTANTS, contestant, versionOf } from '../../bench/contestants/registry.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const TTL_MS = 5_000;
/** What else is called, we call ourselves. */
const OF_SCRIPTS = [
  ...['evalsha', 'get', 'set', 'setrange', 'time', 'zrange', 'zadd', 'pexpire', 'zpopmin'],
  ...['pubsub|shardnumsub', 'spublish'],
];

describe.each(CONTESTANTS)('$id', (each) => {
  let connection: Connection;
  const name = (what: string): string => `${each.id}:${what}`;
  beforeAll(async () => {
    const connect = await each.load();
    connection = await connect(server.url, { autoPipelining: false });
  });
  afterAll(() => connection.close());

  it('lets one in at a time', async () => {
    const first = await connection.acquire(name('one'), TTL_MS, 1_000);
    let entered = false;
    const second = connection.acquire(name('one'), TTL_MS, 3_000).then((lease) => {
      entered = true;
      return lease;
    });
    // Longer than the slowest pause between two tries.
    await pause(200);
    expect(entered).toBe(false);
    await first.release();
    await (await second).release();
  });

  it('gives up in time', async () => {
    const lease = await connection.acquire(name('kept'), TTL_MS, 1_000);
    await expect(connection.acquire(name('kept'), TTL_MS, 100)).rejects.toThrow();
    await lease.release();
  });

  it('keeps a lock beyond its TTL, if it says so', async () => {
    if (!connection.hold) return;
    const lease = await connection.hold(name('held'), 800);
    await pause(1_200);
    await expect(connection.acquire(name('held'), TTL_MS, 50)).rejects.toThrow();
    await lease.release();
    await (await connection.acquire(name('held'), TTL_MS, 1_000)).release();
  });
});

it.each([BARE, BARE_AWAKE])('the $id takes and gives back, and does not wait', async ({ load }) => {
  const connect = await load();
  const connection = await connect(server.url, { autoPipelining: true });
  const lease = await connection.acquire('bare', TTL_MS, 0);
  await expect(connection.acquire('bare', TTL_MS, 0)).rejects.toThrow('taken');
  expect(await lease.release()).toBe(1);
  await connection.close();
});

it.each([
  { id: 'bare handoff', queue: '{turns}:queue' },
  { id: 'batonlock', queue: 'baton:{turns}:queue' },
])('$id makes the server call no more than that for a lock and two in line', async ({ id, queue }) => {
  const connection = await (await contestant(id).load())(server.url, { autoPipelining: false });
  const redis = new Redis(server.url);
  const calls = async (): Promise<Map<string, number>> => {
    const all = (await redis.info('commandstats')).matchAll(/^cmdstat_(\S+):calls=(\d+)/gm);
    return new Map([...all].map(([, name = '', count]) => [name, Number(count)]));
  };
  const inLine = (count: number) =>
    until(async () => (await redis.zcard(queue)) === count, { what: `${count} in line` });
  /** As many get in line as `waiters` says, and have it one after the other. */
  const handOn = async (waiters: number): Promise<number[]> => {
    const order: number[] = [];
    const first = await connection.acquire('turns', TTL_MS, TTL_MS);
    const others: Promise<unknown>[] = [];
    for (let index = 1; index <= waiters; index++) {
      const turn = connection.acquire('turns', TTL_MS, TTL_MS).then((lease) => {
        order.push(index);
        return lease.release();
      });
      others.push(turn);
      await inLine(index);
    }
    await first.release();
    await Promise.all(others);
    return order;
  };
  // What a client needs once is there then.
  await handOn(1);
  const before = await calls();
  expect(await handOn(2)).toEqual([1, 2]);
  const after = await calls();
  const made = OF_SCRIPTS.map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)]);
  expect(Object.fromEntries(made)).toEqual({
    ...{ evalsha: 6, get: 6, time: 5, set: 4, setrange: 1, zrange: 2, zadd: 2, pexpire: 2, zpopmin: 3 },
    ...{ 'pubsub|shardnumsub': 2, spublish: 3 },
  });
  redis.disconnect();
  await connection.close();
});

it('versions are those of the packages', () => {
  expect(versionOf(contestant('redlock'))).toBe('5.0.0-beta.2');
  expect(versionOf(contestant('batonlock'))).toMatch(/^\d+\.\d+\.\d+/);
  expect(versionOf(contestant('polling 10 ms'))).toBeUndefined();
  expect(() => contestant('nobody')).toThrow('nobody');
});

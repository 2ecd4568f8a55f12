import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../bench/contestants/contestant.ts';
import { BARE, CONTESTANTS, contestant, versionOf } from '../../bench/contestants/registry.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const TTL_MS = 5_000;

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

it('the bare pair takes and gives back, and does not wait', async () => {
  const connect = await BARE.load();
  const connection = await connect(server.url, { autoPipelining: true });
  const lease = await connection.acquire('bare', TTL_MS, 0);
  await expect(connection.acquire('bare', TTL_MS, 0)).rejects.toThrow('taken');
  expect(await lease.release()).toBe(1);
  await connection.close();
});

it('versions are those of the packages', () => {
  expect(versionOf(contestant('redlock'))).toBe('5.0.0-beta.2');
  expect(versionOf(contestant('batonlock'))).toMatch(/^\d+\.\d+\.\d+/);
  expect(versionOf(contestant('polling 10 ms'))).toBeUndefined();
  expect(() => contestant('nobody')).toThrow('nobody');
});

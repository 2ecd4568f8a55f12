import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LockClient, type LockCreator } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { timely, until } from '../support/wait.ts';
import type { FromHolder } from './holding.client.ts';
import { SplitRedis } from './split-redis.ts';

const FILE = new URL('./holding.client.ts', import.meta.url);
const TTL = 60_000;
const SHORT_TTL = 1_000;
/** How long after its TTL a dead holder may be in the way. */
const WITHIN_MS = 250;

let server: RedisServer;
let redis: Redis;
let client: LockClient;
let creator: LockCreator;
beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  client = new LockClient(server.url);
  creator = client.creator('left');
});
afterEach(async () => {
  await client.close();
  redis.disconnect();
  await server.stop();
});

async function inLine(count: number): Promise<void> {
  await until(async () => (await creator.inspect()).waiters === count, { what: `${count} in line` });
}

it('row 50: who closes its client at SIGTERM hands the lock on at once', async () => {
  await using holder = spawnClient<FromHolder>(FILE, { args: [server.url, 'left', String(TTL)] });
  await holder.next('holds');
  const waiting = creator.acquire(TTL);
  await inLine(1);
  holder.kill('SIGTERM');
  await (await waiting).release();
  expect(await holder.exit).toEqual({ code: 0, signal: null });
});

it('row 50: who is killed keeps the lock no longer than its TTL', async () => {
  await using holder = spawnClient<FromHolder>(FILE, { args: [server.url, 'left', String(SHORT_TTL)] });
  await holder.next('holds');
  const waiting = creator.acquire(TTL);
  await inLine(1);
  holder.kill();
  expect(await timely(SHORT_TTL + WITHIN_MS, () => waiting)).toEqual({ error: undefined, late: false });
  await (await waiting).release();
});

it('row 28: who is killed as it is granted keeps the lock no longer than its TTL', async () => {
  // As long as the others' leases: who waits behind a longer one looks when that would have ended, or after the safety net.
  const lock = (await creator.acquire(SHORT_TTL)).autoRefresh();
  await using dying = spawnClient<FromHolder>(FILE, { args: [server.url, 'left', String(SHORT_TTL)] });
  await dying.next('asked');
  await inLine(1);
  const waiting = creator.acquire(TTL);
  await inLine(2);
  // Stopped, it still listens, as far as the server knows; but it hears of nothing any more.
  dying.kill('SIGSTOP');
  await lock.release();
  const [holder] = (await creator.inspect()).holders;
  expect(holder?.client).toContain(`.${dying.pid}.`);
  dying.kill();
  expect(await timely(SHORT_TTL + WITHIN_MS, () => waiting)).toEqual({ error: undefined, late: false });
  await (await waiting).release();
});

it('row 23: a subscriber whose output buffer overflows asks again, and loses no place for good', async () => {
  const proxy: FaultProxy = await startProxy(server);
  const split = new SplitRedis({ commands: server.port, subscriber: proxy.port });
  split.on('error', () => {});
  const deaf = new LockClient(split);
  try {
    const lock = await creator.acquire(TTL);
    const waiting = deaf.creator('left').acquire(TTL);
    await inLine(1);
    const [channel = ''] = (await redis.pubsub('SHARDCHANNELS', '*inbox*')) as string[];
    await redis.config('SET', 'client-output-buffer-limit', 'pubsub 16kb 0 0');
    proxy.stall();
    const flood = 'x'.repeat(100_000);
    await until(async () => (await redis.spublish(channel, flood)) === 0, { what: 'the overflow' });
    await lock.release();
    // Nobody listens there: it was passed over.
    expect((await creator.inspect()).holders).toEqual([]);
    proxy.cut();
    proxy.flow();
    const next = await waiting;
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await next.release();
  } finally {
    await deaf.close();
    split.disconnect();
    await proxy.stop();
  }
});

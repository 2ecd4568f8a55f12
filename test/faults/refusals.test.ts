import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { says } from '../support/ask.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

const TTL = 60_000;
const WAIT = 25_000;

let server: RedisServer;
let redis: Redis;
let client: LockClient;
beforeEach(async () => {
  // What is loaded slowly still answers in between.
  const slow = ['--loading-process-events-interval-bytes', '1024', '--enable-debug-command', 'yes'];
  server = await startRedis({ args: slow });
  redis = new Redis(server.url, { enableReadyCheck: false });
  client = new LockClient(server.url);
});
afterEach(async () => {
  await client.close();
  redis.disconnect();
  await server.stop();
});

describe('row 36: a server that cannot serve now', () => {
  it('READONLY: is asked again until it is the master once more', async () => {
    const held = await client.creator('held').acquire(TTL);
    await using other = await startRedis();
    await redis.call('REPLICAOF', other.host, other.port);
    const refused = { code: 'ERR_LOCK_BACKEND', reason: 'unavailable', retryable: true };
    await expect(client.creator('free').tryAcquire(TTL)).rejects.toMatchObject(refused);
    await expect(client.creator('free').acquire(TTL, 200)).rejects.toMatchObject(refused);
    await expect(held.refresh()).rejects.toMatchObject(refused);
    const waiting = client.creator('free').acquire(TTL, WAIT);
    await redis.call('REPLICAOF', 'NO', 'ONE');
    await (await waiting).release();
  });

  it('LOADING: is asked again until it has loaded', async () => {
    const creator = client.creator('loaded');
    const lock = await creator.acquire(TTL);
    for (let index = 0; index < 200; index++) await redis.set(`filler-${index}`, 'x'.repeat(1_000));
    await redis.config('SET', 'key-load-delay', '10000');
    const reloading = redis.call('DEBUG', 'RELOAD');
    await until(() => says(server, 'GET filler-0', /LOADING/), { what: 'the server to be loading' });
    await expect(lock.refresh()).rejects.toMatchObject({ reason: 'unavailable', retryable: true });
    const released = lock.release();
    const waiting = creator.acquire(TTL, WAIT);
    await redis.config('SET', 'key-load-delay', '0').catch(() => {});
    await reloading;
    await released;
    await (await waiting).release();
  });
});

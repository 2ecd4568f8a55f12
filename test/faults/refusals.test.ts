import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { says } from '../support/ask.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

const TTL = 60_000;
const WAIT = 25_000;
const SHORT_WAIT = 2_000;
/** So many that all would be lucky is out of the question. */
const MANY = 60;

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

const refused = { code: 'ERR_LOCK_BACKEND', reason: 'unavailable', retryable: true };

describe('row 36: a server that cannot serve now', () => {
  it('READONLY: is asked again until it is the master once more', async () => {
    const held = await client.creator('held').acquire(TTL);
    await using other = await startRedis();
    await redis.call('REPLICAOF', other.host, other.port);
    await expect(client.creator('free').tryAcquire(TTL)).rejects.toMatchObject(refused);
    await expect(client.creator('free').acquire(TTL, 200)).rejects.toMatchObject(refused);
    await expect(held.refresh()).rejects.toMatchObject(refused);
    const waiting = client.creator('free').acquire(TTL, WAIT);
    await redis.call('REPLICAOF', 'NO', 'ONE');
    await (await waiting).release();
  });

  it('READONLY: who has a place when time is up was too late, however often it has asked meanwhile', async () => {
    const creator = client.creator('held');
    await creator.acquire(TTL);
    const waits = Array.from({ length: MANY }, () => creator.acquire(TTL, SHORT_WAIT));
    const settled = Promise.allSettled(waits);
    await until(async () => (await creator.inspect()).waiters === MANY, { what: 'the line' });
    await using other = await startRedis();
    await redis.call('REPLICAOF', other.host, other.port);
    // Whoever was deaf asks again.
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const outcomes = await settled;
    // Or else the client could not give their places back.
    await redis.call('REPLICAOF', 'NO', 'ONE');
    const codes = outcomes.map((wait) => wait.status === 'rejected' && wait.reason.code);
    expect(new Set(codes)).toEqual(new Set(['ERR_LOCK_TIMEOUT']));
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

  // As a cluster with auto-pipelining does when it knows no node for a slot.
  it.each(['evalsha', 'eval'] as const)('%s throws: is asked again, and bars nobody', async (command) => {
    // Not known to the server, a script is sent as a text.
    await redis.script('FLUSH');
    const notNow = () => {
      throw new TypeError("Cannot read properties of undefined (reading 'join')");
    };
    const spy = vi.spyOn(redis, command).mockImplementationOnce(notNow);
    await using own = new LockClient(redis);
    const creator = own.creator('unsent');
    await (await creator.acquire(TTL, WAIT)).release();
    await (await creator.acquire(TTL, WAIT)).release();
    await redis.script('FLUSH');
    spy.mockImplementationOnce(notNow);
    await expect(creator.tryAcquire(TTL)).rejects.toMatchObject(refused);
    await (await creator.acquire(TTL, WAIT)).release();
  });
});

import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockClient, LockCreator, redisBackend } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** All that could be changed on an instance from outside. */
function portrait(redis: Redis) {
  const listeners = redis.eventNames().map((event) => [String(event), redis.listenerCount(event)]);
  return {
    own: Object.getOwnPropertyNames(redis).sort(),
    inherited: Object.getOwnPropertyNames(Object.getPrototypeOf(redis)).sort(),
    options: { ...redis.options },
    scripts: Object.keys(Reflect.get(redis, 'scriptsSet') ?? {}),
    listeners: Object.fromEntries(listeners.filter(([, count]) => count !== 0)),
  };
}

/** Acquires, waits, refreshes, watches: everything that could leave a trace. */
async function useEverything(client: LockClient): Promise<void> {
  const creator = client.creator('everything');
  const states: unknown[] = [];
  const watching = (async () => {
    for await (const state of creator.watch()) if (states.push(state) === 3) return;
  })();
  const lock = (await creator.acquire(3_000)).autoRefresh();
  lock.signal.throwIfAborted();
  const waiting = creator.acquire(3_000);
  await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter to queue' });
  await lock.refresh();
  await lock.release();
  await (await waiting).release();
  await watching;
}

describe("the user's ioredis instance", () => {
  it('is left as it was, with nothing defined on it and no listener more', async () => {
    const redis = new Redis(server.url, { keyPrefix: 'app:' });
    await redis.ping();
    const before = portrait(redis);
    const client = new LockClient(redis);
    await useEverything(client);
    const during = portrait(redis);
    expect({ ...during, listeners: {} }).toEqual({ ...before, listeners: {} });
    await client.close();
    expect(portrait(redis)).toEqual(before);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('has its key prefix honoured, in keys and channels', async () => {
    const redis = new Redis(server.url, { keyPrefix: 'tenant:' });
    const plain = new Redis(server.url);
    await using client = new LockClient(redisBackend(redis, { prefix: 'locks' }));
    const creator = client.creator('prefixed');
    const lock = await creator.acquire(30_000);
    const waiting = creator.acquire(30_000);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter to queue' });
    expect((await plain.keys('tenant:*')).sort()).toEqual([
      'tenant:locks:{prefixed}',
      'tenant:locks:{prefixed}:queue',
    ]);
    expect(await plain.pubsub('SHARDCHANNELS')).toEqual([`tenant:locks:inbox:${lock.owner.split(':')[0]}`]);
    await lock.release();
    await (await waiting).release();
    plain.disconnect();
    redis.disconnect();
  });

  it('may be lazy, without an offline queue, with auto-pipelining or with command timeouts', async () => {
    const options = {
      lazyConnect: true,
      enableAutoPipelining: true,
      commandTimeout: 2_000,
      stringNumbers: true,
    };
    for (const redis of [
      new Redis(server.url, options),
      new Redis(server.url, { enableOfflineQueue: false }),
    ]) {
      const client = new LockClient(redis);
      await useEverything(client);
      await client.close();
      redis.disconnect();
    }
  });

  it('ends our subscriber and every wait when the user ends it', async () => {
    const redis = new Redis(server.url);
    const observer = new Redis(server.url);
    const creator = new LockCreator('ended', redis);
    await creator.acquire(30_000);
    const waiting = creator.acquire(30_000);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter to queue' });
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND', retryable: false });
    await redis.quit();
    await rejected;
    await until(async () => !((await observer.pubsub('SHARDCHANNELS', 'baton:*')) as string[]).length, {
      what: 'the subscriber to be gone',
    });
    await expect(creator.acquire(1_000)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    await creator.close();
    observer.disconnect();
  });
});

it('runs against the major of ioredis that its project names', () => {
  const redis = new Redis({ lazyConnect: true });
  // Version 6 brought RESP3.
  expect('protocol' in redis.options ? '6' : '5').toBe(process.env.IOREDIS_MAJOR);
  redis.disconnect();
});

it.each(['close', 'close-waiting', 'quit', 'memory'])('lets the process exit: %s', async (way) => {
  const file = new URL('./exiting.client.ts', import.meta.url);
  await using client = spawnClient(file, { args: [server.url, way] });
  expect(await client.exit).toEqual({ code: 0, signal: null });
});

it('shows the client name in inspections', async () => {
  await using client = new LockClient(redisBackend(server.url, { clientName: 'billing-3' }));
  const creator = client.creator('named');
  await creator.acquire(30_000);
  const { holders } = await creator.inspect();
  expect(holders[0]?.client).toMatch(new RegExp(`^billing-3\\.${process.pid}\\.[0-9a-f]{12}$`));
});

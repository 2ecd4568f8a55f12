import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ListedLock } from '../../src/core/listing.ts';
import { type LockBackend, LockClient, redisBackend } from '../../src/index.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

async function listed(backend: LockBackend, glob = '*'): Promise<ListedLock[]> {
  const locks: ListedLock[] = [];
  for await (const page of backend.listing!.list(glob)) locks.push(...page);
  return locks.sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function names(backend: LockBackend, glob?: string): Promise<string[]> {
  return (await listed(backend, glob)).map(({ name }) => name);
}

describe('the locks of a Redis server', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(() => redis.flushall());

  async function withBackend(
    task: (client: LockClient, backend: LockBackend) => Promise<void>,
    prefix = 'baton',
    keyPrefix = '',
  ): Promise<void> {
    const own = new Redis(server.url, { keyPrefix });
    const backend = redisBackend(own, { prefix });
    const client = new LockClient(backend);
    await task(client, backend).finally(() => client.close());
    own.disconnect();
  }

  it('are listed while somebody holds them, with all that an inspection says', () =>
    withBackend(async (client, backend) => {
      expect(await names(backend)).toEqual([]);
      const lock = await client.creator('plain').acquire(30_000);
      const released = await client.creator('released').acquire(30_000);
      await released.release();
      await client.creator('expired').acquire(50);
      await until(async () => !(await client.creator('expired').isLocked()), {
        what: 'the end of the lease',
      });
      const [found, ...others] = await listed(backend);
      expect(others).toEqual([]);
      const { holders, ...rest } = found!;
      expect(rest).toEqual({ name: 'plain', capacity: 1, waiters: 0 });
      const { owner, fencingToken } = lock;
      expect(holders).toEqual([expect.objectContaining({ owner, fencingToken, units: 1 })]);
      const { heldFor, remainingTtl } = holders[0]!;
      // By one clock both add up to the TTL, but for what is rounded.
      expect(Math.abs(heldFor + remainingTtl - 30_000)).toBeLessThanOrEqual(1);
      expect(await backend.listing!.read('nobody')).toMatchObject({
        name: 'nobody',
        holders: [],
        waiters: 0,
      });
    }));

  it('are listed with their waiters, and as semaphores and read-write locks', () =>
    withBackend(async (client, backend) => {
      await client.creator('queue').acquire(30_000);
      const waiting = [1, 2].map(() => client.creator('queue').acquire(30_000, 20_000));
      for (const wait of waiting) wait.catch(() => {});
      await client.semaphore('permits', 5).acquire(30_000, 0, { units: 2 });
      await client.semaphore('permits', 5).acquire(30_000);
      await client.readWriteLock('shared').read.acquire(30_000);
      await until(async () => (await client.creator('queue').inspect()).waiters === 2, {
        what: 'both in line',
      });
      const [permits, queue, shared] = await listed(backend);
      expect(permits).toMatchObject({ name: 'permits', capacity: 5, holders: [{ units: 2 }, { units: 1 }] });
      expect(queue).toMatchObject({ name: 'queue', waiters: 2, holders: [{ units: 1 }] });
      expect(shared).toMatchObject({ name: 'shared', holders: [{ units: 1 }] });
    }));

  it.each([
    ['*', ['a%b', 'a*b', 'a}{b', 'orders:1', 'orders:12', 'ünï']],
    ['orders:?', ['orders:1']],
    ['orders:*', ['orders:1', 'orders:12']],
    ['a\\*b', ['a*b']],
    ['a%b', ['a%b']],
    ['a}*', ['a}{b']],
    ['*ï', ['ünï']],
    ['[ao]*1', ['orders:1']],
  ])('are found by a pattern of their names: %s', (glob, expected) =>
    withBackend(async (client, backend) => {
      for (const name of ['a%b', 'a*b', 'a}{b', 'orders:1', 'orders:12', 'ünï']) {
        await client.creator(name).acquire(30_000);
      }
      expect(await names(backend, glob)).toEqual(expected);
    }),
  );

  it('are those of their own prefix only, which may look like a pattern', () =>
    withBackend(
      async (client, backend) => {
        await client.creator('mine').acquire(30_000);
        await withBackend(
          (other) =>
            other
              .creator('theirs')
              .acquire(30_000)
              .then(() => {}),
          'axb',
          'k[1]:',
        );
        await withBackend(
          (other) =>
            other
              .creator('theirs')
              .acquire(30_000)
              .then(() => {}),
          'a*b',
          'k1:',
        );
        const kept = await listed(backend);
        expect(kept.map(({ name, holders }) => [name, holders.length])).toEqual([['mine', 1]]);
      },
      'a*b',
      'k[1]:',
    ));

  it('are not what else looks like one', () =>
    withBackend(async (client, backend) => {
      await client.creator('lock').acquire(30_000);
      await client.counter('batch', { ttl: 30_000 }).set(3);
      await redis.lpush('baton:{list}', 'x');
      await redis.set('baton:{text}', 'x');
      expect(await names(backend)).toEqual(['lock']);
    }));

  it('cannot be listed by who may not SCAN, who is told so', async () => {
    await redis.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-scan');
    const backend = redisBackend(server.url.replace('redis://', 'redis://app:secret@'));
    await expect(names(backend)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'denied' });
    await backend.close();
  });

  it('cannot be listed on a server that does not answer, and that is said in time', async () => {
    const backend = redisBackend(server.url, { commandTimeout: 200 });
    await names(backend);
    await server.pause();
    try {
      await expect(names(backend)).rejects.toMatchObject({ reason: 'unavailable', retryable: true });
    } finally {
      await server.resume();
    }
    await backend.close();
  });
});

it('the locks of a cluster are listed on whichever master they are', async () => {
  await using cluster = await startRedisCluster({ replicas: 0 });
  const nodes = cluster.servers.map(({ host, port }) => ({ host, port }));
  const redis = new Cluster(nodes, { keyPrefix: 'app:' });
  const backend = redisBackend(redis);
  const client = new LockClient(backend);
  const wanted = Array.from({ length: 30 }, (_, index) => `job-${String(index).padStart(2, '0')}`);
  for (const name of wanted) await client.creator(name).acquire(30_000);
  await client.semaphore('permits', 3).acquire(30_000);
  expect(await names(backend)).toEqual([...wanted, 'permits']);
  expect(await names(backend, 'job-2?')).toEqual(wanted.slice(20));
  await client.close();
  redis.disconnect();
}, 60_000);

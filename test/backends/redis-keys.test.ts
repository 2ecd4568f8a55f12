import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockBackendError, LockClient, redisBackend } from '../../src/index.ts';
import { ownRedis } from '../support/own-redis.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';

const { server, redis } = await ownRedis();
let client: LockClient;
beforeEach(async () => {
  await redis.flushall();
  client = new LockClient(redisBackend(server.url, { fenceRetention: 60_000, safetyNet: 10_000 }));
});
afterEach(() => client.close());

it.each(Object.entries(scripts))('loads %s on a live server', async (_, script) => {
  expect(await redis.script('LOAD', script.lua)).toBe(script.sha);
});

describe('the data of a lock', () => {
  it('is one record while it is held, and only the fence when it is free', async () => {
    const creator = client.creator('plain');
    const lock = await creator.acquire(30_000);
    const record = (await redis.get('baton:{plain}')) ?? '';
    const [fence, leaseEnd, owner] = record.split(' ');
    expect(fence).toBe(String(lock.fencingToken));
    expect(owner).toBe(lock.owner);
    expect(Number(leaseEnd) - Math.floor(lock.fencingToken / 1_000)).toBe(30_000);
    expect(await redis.pttl('baton:{plain}')).toBeGreaterThan(85_000);
    await lock.release();
    expect(await redis.get('baton:{plain}')).toBe(String(lock.fencingToken));
    const ttl = await redis.pttl('baton:{plain}');
    expect(ttl).toBeGreaterThan(55_000);
    expect(ttl).toBeLessThanOrEqual(60_000);
    expect(await redis.keys('*')).toEqual(['baton:{plain}']);
  });

  it('says in the record whether somebody may be in line, so that nobody looks in vain', async () => {
    const creator = client.creator('marked');
    const mark = async () => (await redis.get('baton:{marked}'))?.charAt(16);
    const lookups = async () =>
      Number(/cmdstat_zpopmin:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
    await redis.config('RESETSTAT');
    const first = await creator.acquire(30_000);
    expect(await mark()).toBe(' ');
    await first.release();
    expect(await lookups()).toBe(0);
    const second = await creator.acquire(30_000);
    const waiting = creator.acquire(30_000, 5_000);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the place' });
    expect(await mark()).toBe('q');
    expect(await redis.pttl('baton:{marked}')).toBeGreaterThan(85_000);
    await second.release();
    const third = await waiting;
    expect(await mark()).toBe('q');
    await third.refresh();
    expect(await mark()).toBe('q');
    await third.release();
    expect(await lookups()).toBe(2);
    expect(await redis.get('baton:{marked}')).toBe(String(third.fencingToken));
  });

  it('row 34: a lock is released also when the server is out of memory', async () => {
    const creator = client.creator('full');
    const lock = await creator.acquire(30_000);
    await redis.config('SET', 'maxmemory', '1');
    try {
      await expect(redis.set('other', 'x')).rejects.toThrow('OOM');
      await lock.release();
      expect(await redis.get('baton:{full}')).toBe(String(lock.fencingToken));
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
  });

  const leases: Record<string, () => Promise<Lock[]>> = {
    'a mutex': async () => [await client.creator('full').acquire(30_000)],
    'a watched mutex': async () => {
      await client.creator('full').watch().next();
      return [await client.creator('full').acquire(30_000)];
    },
    'a sole share': async () => [await client.semaphore('full', 4).acquire(30_000, 0, { units: 2 })],
    shares: async () => {
      const semaphore = client.semaphore('full', 4);
      return [
        await semaphore.acquire(30_000, 0, { units: 2 }),
        await semaphore.acquire(30_000, 0, { units: 2 }),
      ];
    },
  };

  it.each(Object.keys(leases))(
    'row 34: a lease is refreshed also when the server is out of memory: %s',
    async (kind) => {
      const locks = await leases[kind]!();
      await redis.config('SET', 'maxmemory', '1');
      try {
        for (const lock of locks) await lock.refresh(60_000);
        const { holders } = await client.creator('full').inspect();
        expect(holders).toHaveLength(locks.length);
        for (const { remainingTtl } of holders) expect(remainingTtl).toBeGreaterThan(30_000);
        expect(await redis.pttl('baton:{full}')).toBeGreaterThan(60_000 + 30_000);
        // What takes more memory is refused.
        await expect(client.creator('other').acquire(30_000, 0)).rejects.toThrow('OOM');
        for (const lock of locks) if (lock.units > 1) await lock.downgrade();
        for (const lock of locks) await lock.release();
      } finally {
        await redis.config('SET', 'maxmemory', '0');
      }
    },
  );

  it.each(Object.keys(leases))(
    'row 34: a lease is not refreshed by a server that refuses all writes: %s',
    async (kind) => {
      const locks = await leases[kind]!();
      await redis.config('SET', 'min-replicas-to-write', '1');
      for (const lock of locks) await expect(lock.refresh(60_000)).rejects.toThrow('NOREPLICAS');
      await redis.config('SET', 'min-replicas-to-write', '0');
      // Of a master that is not there.
      await redis.replicaof('127.0.0.1', '1');
      for (const lock of locks) await expect(lock.refresh(60_000)).rejects.toThrow('READONLY');
      await redis.replicaof('NO', 'ONE');
      const { holders } = await client.creator('full').inspect();
      for (const { remainingTtl } of holders) expect(remainingTtl).toBeLessThanOrEqual(30_000);
    },
  );

  it('is a queue ordered by arrival, which expires if all its waiters die', async () => {
    const creator = client.creator('queued');
    await creator.acquire(30_000);
    for (let i = 0; i < 3; i++) {
      creator.acquire(30_000).catch(() => {});
      await until(async () => (await redis.zcard('baton:{queued}:queue')) === i + 1, { what: 'the place' });
    }
    const queue = await redis.zrange('baton:{queued}:queue', '0', '-1', 'WITHSCORES');
    expect(queue.filter((_, i) => i % 2 === 0).map((owner) => owner.split(':')[1])).toEqual(['2', '3', '4']);
    const scores = queue.filter((_, i) => i % 2 === 1).map(Number);
    expect(scores).toEqual([...new Set(scores)].sort((a, b) => a - b));
    const ttl = await redis.pttl('baton:{queued}:queue');
    expect(ttl).toBeGreaterThan(25_000);
    expect(ttl).toBeLessThanOrEqual(30_000);
  });

  it('leaves the line in its order when only the record is gone', async () => {
    const creator = client.creator('evicted');
    await creator.acquire(30_000);
    const first = creator.acquire(30_000, 5_000);
    await until(async () => (await redis.zcard('baton:{evicted}:queue')) === 1, { what: 'the place' });
    await redis.del('baton:{evicted}');
    expect(await creator.tryAcquire(30_000)).toBeNull();
    const lock = await first;
    expect(await redis.get('baton:{evicted}')).toContain(lock.owner);
  });

  it('row 16: keeps large numbers exact', async () => {
    const creator = client.creator('exact');
    const lock = await creator.acquire(2_147_483_647);
    const record = (await redis.get('baton:{exact}')) ?? '';
    expect(record).toMatch(/^\d{16} \d{13} \S+$/);
    expect(record).not.toContain('e+');
    expect((await creator.inspect()).holders[0]?.fencingToken).toBe(lock.fencingToken);
    await creator.close();
  });

  it('has a fence that rises with each handoff also when the clock of the server was set back', async () => {
    const creator = client.creator('ahead');
    const ahead = Date.now() * 1_000 + 3_600_000_000;
    await redis.set('baton:{ahead}', String(ahead));
    const first = await creator.acquire(30_000);
    const waiting = creator.acquire(30_000);
    await until(async () => (await redis.zcard('baton:{ahead}:queue')) === 1, { what: 'the place' });
    await first.release();
    const second = await waiting;
    expect([first.fencingToken, second.fencingToken]).toEqual([ahead + 1, ahead + 2]);
    await second.release();
    expect(await redis.get('baton:{ahead}')).toBe(String(ahead + 2));
  });

  it('has one hash tag for all keys of a name, whatever the name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), async (name) => {
        const lock = await client.creator(name).acquire(30_000);
        const waiting = client.creator(name).acquire(30_000);
        await until(async () => (await client.creator(name).inspect()).waiters === 1, { what: 'the waiter' });
        const keys = await redis.keysBuffer('*');
        expect(keys).toHaveLength(2);
        expect(new Set(keys.map((key) => /\{([^}]+)\}/.exec(key.toString())?.[1])).size).toBe(1);
        await lock.release();
        await (await waiting).release();
        await redis.flushall();
      }),
      { numRuns: 50 },
    );
  });
});

describe('row 45: a key that holds something foreign', () => {
  const foreign: Record<string, (key: string) => Promise<unknown>> = {
    'a list': (key) => redis.lpush(key, 'mine'),
    'a hash': (key) => redis.hset(key, 'mine', '1'),
    'a text': (key) => redis.set(key, 'mine'),
    'a small number': (key) => redis.set(key, '42'),
    'the lock of another library': (key) =>
      redis.set(key, '8c6f3a1e-0000-4000-8000-123456789abc', 'PX', 30_000),
    'nothing at all': (key) => redis.set(key, ''),
  };

  it.each(Object.keys(foreign))('is a typed error and stays untouched: %s', async (kind) => {
    await foreign[kind]!('baton:{taken}');
    const before = await redis.dump('baton:{taken}');
    const creator = client.creator('taken');
    const calls = [
      creator.acquire(30_000, 5_000),
      creator.acquire(30_000, 0),
      creator.tryAcquire(30_000),
      creator.inspect(),
      creator.forceRelease(),
      creator.watch().next(),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: 'rejected', reason: { reason: 'foreign', retryable: false } });
      expect(call).toHaveProperty('reason', expect.any(LockBackendError));
    }
    expect(await redis.dump('baton:{taken}')).toEqual(before);
    expect(await redis.keys('*')).toEqual(['baton:{taken}']);
  });

  it('is a typed error when it is the queue', async () => {
    const lock = await client.creator('line').acquire(30_000);
    const abort = new AbortController();
    const waiting = client.creator('line').acquire(30_000, 5_000, { signal: abort.signal });
    await until(async () => (await redis.zcard('baton:{line}:queue')) === 1, { what: 'the place' });
    await redis.set('baton:{line}:queue', 'mine');
    await expect(client.creator('line').acquire(30_000, 5_000)).rejects.toMatchObject({ reason: 'foreign' });
    await expect(lock.release()).rejects.toMatchObject({ reason: 'foreign', lockName: 'line' });
    abort.abort();
    await expect(waiting).rejects.toBe(abort.signal.reason);
    expect(await redis.get('baton:{line}:queue')).toBe('mine');
  });
});

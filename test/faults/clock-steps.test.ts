import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockClient, type LockCreator, redisBackend } from '../../src/index.ts';
import { ask } from '../support/ask.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { type SteppedClock, steppedClock } from '../support/stepped-clock.ts';
import { until } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

// Where time itself does not matter, a lease is longer than any test here may take.
const TTL = 60_000;
const WAIT = 25_000;
/** 1 % of the TTL and 2 ms. */
const DRIFT = 602;
const HOUR = 3_600_000;

let clock: SteppedClock;
let server: RedisServer;
let proxy: FaultProxy;
let redis: Redis;
const endings: (() => unknown)[] = [];
beforeEach(async () => {
  clock = await steppedClock();
  server = await startRedis({ clock });
  proxy = await startProxy(server);
  redis = new Redis(server.url);
});
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
  redis.disconnect();
  await proxy.stop();
  // One that ends by itself leaves nothing of libfaketime behind.
  await ask(server, 'SHUTDOWN NOSAVE').catch(() => {});
  await server.stop();
});

/** The lock, as a client of its own has it. */
function creatorOn(source: Redis | string = server.url, safetyNet = 30_000): LockCreator {
  return clientOn(source, safetyNet).creator('stepped');
}

/** The semaphore, as a client of its own has it. */
function semaphoreOn(capacity = 2): LockCreator {
  return clientOn().semaphore('stepped', capacity);
}

function clientOn(source: Redis | string = server.url, safetyNet = 30_000): LockClient {
  const client = new LockClient(redisBackend(source, { safetyNet }));
  endings.push(() => client.close());
  return client;
}

/** As `creatorOn`, but messages come through the proxy. */
function creatorBehindProxy(): LockCreator {
  const split = new SplitRedis({ commands: server.port, subscriber: proxy.port });
  endings.push(() => split.disconnect());
  return creatorOn(split);
}

async function queued(creator: LockCreator, count: number): Promise<void> {
  await until(async () => (await creator.inspect()).waiters === count, { what: `${count} in line` });
}

/** Sets the server's clock so far from ours. */
async function step(aheadMs: number): Promise<void> {
  clock.set(aheadMs);
  const distance = async () => Number((await redis.time())[0]) * 1_000 - Date.now() - aheadMs;
  await until(async () => Math.abs(await distance()) < 2_000, { what: 'the server to go by that clock' });
}

/** It is held, and believed in for no longer than the server keeps it, nor than it was asked for. */
async function expectTrue(lock: Lock, creator: LockCreator): Promise<void> {
  const [holder] = (await creator.inspect()).holders;
  lock.assertHeld();
  expect(holder).toMatchObject({ owner: lock.owner, fencingToken: lock.fencingToken });
  expect(lock.remaining).toBeLessThanOrEqual(Math.min(holder!.remainingTtl, TTL - DRIFT));
}

describe('row 15: the clock of the server is set forward', () => {
  it('ends a lease early: the next in line is handed the lock, and believes no more of it than there is', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(TTL);
    const waiting = creatorBehindProxy().acquire(TTL, WAIT);
    await queued(creator, 1);
    // Not so far that the line has expired, too.
    await step(80_000);
    expect(await creator.isLocked()).toBe(false);
    // The message says that the grant is yet to come. So it does not say how long ago it was.
    proxy.delayReplies(700);
    expect(await creatorOn().tryAcquire(TTL)).toBeNull();
    const next = await waiting;
    expect(next.remaining).toBeLessThanOrEqual(TTL - DRIFT - 700);
    await expectTrue(next, creator);
    // What the docs say: until its next refresh, whoever had the lock does not know.
    expect(lock.remaining).toBeGreaterThan(0);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    await next.release();
  });

  it('ends a lease early, which no refresh revives, also if nobody else has come', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(TTL);
    await step(HOUR);
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    const next = await creator.acquire(TTL);
    await expectTrue(next, creator);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
  });

  it('ends the line as well: who waits comes back to it, in the old order', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(TTL);
    const crowd = creatorOn(server.url, 300);
    const waits = [crowd.acquire(TTL, WAIT), crowd.acquire(TTL, WAIT)];
    await queued(creator, 2);
    await step(HOUR);
    const first = await waits[0]!;
    await expectTrue(first, creator);
    await first.release();
    const second = await waits[1]!;
    await expectTrue(second, creator);
    expect(first.fencingToken).toBeGreaterThan(lock.fencingToken);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
  });
});

describe('row 15: the clock of the server is set back', () => {
  it('keeps nobody from a lock that is released; the fence rises, and no lease gets longer', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(TTL);
    const other = creatorOn();
    const waiting = other.acquire(TTL, WAIT);
    await queued(creator, 1);
    await step(-HOUR);
    await lock.refresh();
    await expectTrue(lock, creator);
    await lock.release();
    const next = await waiting;
    await expectTrue(next, creator);
    await next.release();
    const last = await other.acquire(TTL);
    await expectTrue(last, creator);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    expect(last.fencingToken).toBeGreaterThan(next.fencingToken);
  });

  it('makes no lease longer that is told of only then', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(TTL);
    const waiting = creatorBehindProxy().acquire(TTL, WAIT);
    await queued(creator, 1);
    proxy.stall();
    await lock.release();
    expect((await creator.inspect()).holders).toHaveLength(1);
    await step(-HOUR);
    // The message is lost; whoever waited asks, and the server says how much is left by its clock.
    proxy.cut();
    proxy.flow();
    await expectTrue(await waiting, creator);
  });

  it('leaves who holds the lock its TTL, and no more if it has crashed', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(1_500);
    await lock.refresh();
    await step(-HOUR);
    const other = creatorOn();
    const next = await until(() => other.tryAcquire(TTL), { what: 'the lock to be free' });
    expect(lock.remaining).toBe(0);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await expectTrue(next, creator);
  });

  it('does not make who waits behind a crashed holder wait for as much longer', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(1_500);
    const waiting = creatorOn().acquire(TTL, 10_000);
    await queued(creator, 1);
    await step(-HOUR);
    const next = await waiting;
    expect(lock.remaining).toBe(0);
    await expectTrue(next, creator);
  });

  it('does not cut a lease that was refreshed for longer than it was acquired for', async () => {
    const creator = creatorOn();
    const lock = await creator.acquire(300);
    await lock.refresh(TTL);
    const other = creatorOn();
    await expect(other.acquire(300, 1_000)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    expect(await lock.isHeld()).toBe(true);
    await lock.refresh(300);
    await other.acquire(TTL, WAIT);
    expect(lock.remaining).toBe(0);
  });

  it('does not make a server vote for a crashed holder for as much longer', async () => {
    const vote = (owner: string, ttl: number, fence: number) =>
      redis.eval(scripts.adopt.lua, 2, 'baton:{vote}', 'baton:{vote}:queue', owner, ttl, `${fence}`);
    const fence = Date.now() * 1_000 + HOUR;
    expect(await vote('crashed:1:1500', 1_500, fence)).toBe(1);
    await step(-HOUR);
    expect(await vote('next:1:60000', TTL, fence + 1)).toMatch(/^held \d+ crashed:1:1500$/);
    await until(async () => (await vote('next:1:60000', TTL, fence + 1)) === 1, { what: 'the vote' });
  });

  it.each([1, 2])(
    'keeps the units of %i crashed holders no longer than their TTL from anybody',
    async (count) => {
      const crashed = semaphoreOn();
      for (let i = 0; i < count; i++) await crashed.acquire(1_500, WAIT, { units: 2 / count });
      await step(-HOUR);
      const semaphore = semaphoreOn();
      const next = await until(() => semaphore.tryAcquire(TTL, { units: 2 }), {
        what: 'the units to be free',
      });
      await expectTrue(next, semaphore);
    },
  );

  it('does not make who waits for units of crashed holders wait for as much longer', async () => {
    const crashed = semaphoreOn();
    const locks = [await crashed.acquire(1_500), await crashed.acquire(1_000)];
    const semaphore = semaphoreOn();
    const waiting = semaphore.acquire(TTL, 10_000, { units: 2 });
    await queued(semaphore, 1);
    await step(-HOUR);
    await expectTrue(await waiting, semaphore);
    expect(locks.map(({ remaining }) => remaining)).toEqual([0, 0]);
  });

  it.each([1, 2])(
    'cuts no share of %i that was refreshed for longer than it was acquired for',
    async (count) => {
      const semaphore = semaphoreOn();
      const locks = [];
      for (let i = 0; i < count; i++) {
        locks.push(await semaphore.acquire(300, WAIT, { units: 2 / count }));
        await locks[i]!.refresh(TTL);
      }
      await step(-HOUR);
      const other = semaphoreOn();
      await expect(other.acquire(300, 1_000)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
      const { holders } = await semaphore.inspect();
      expect(holders).toMatchObject(locks.map(({ owner }) => ({ owner })));
      for (const [index, { remainingTtl }] of holders.entries()) {
        expect(remainingTtl).toBeGreaterThan(locks[index]!.remaining);
        expect(remainingTtl).toBeLessThanOrEqual(TTL);
      }
    },
  );

  it('makes no lease longer of which some units were given back only then', async () => {
    const crashed = semaphoreOn(3);
    await crashed.acquire(1_500);
    const lock = await crashed.acquire(1_500, WAIT, { units: 2 });
    await step(-HOUR);
    await lock.downgrade();
    const semaphore = semaphoreOn(3);
    await expectTrue(await semaphore.acquire(TTL, 10_000, { units: 3 }), semaphore);
    expect(lock.remaining).toBe(0);
  });
});

it.each(['refresh', 'downgrade', 'release'] as const)(
  'rows 15 and 34: after a step back units are kept and given back also when the server is out of memory: %s',
  async (first) => {
    const semaphore = semaphoreOn(4);
    const locks: Lock[] = [];
    while (locks.length < 2) locks.push(await semaphore.acquire(TTL, WAIT, { units: 2 }));
    await step(-HOUR);
    await redis.config('SET', 'maxmemory', '1');
    await locks[0]![first]();
    for (const { remainingTtl } of (await semaphore.inspect()).holders)
      expect(remainingTtl).toBeLessThanOrEqual(TTL);
    await locks[1]!.refresh();
    for (const lock of locks) if (lock !== locks[0] || first !== 'release') await lock.release();
    expect(await semaphore.isLocked()).toBe(false);
    await redis.config('SET', 'maxmemory', '0');
  },
);

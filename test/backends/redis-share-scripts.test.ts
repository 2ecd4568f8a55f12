import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { ownRedis } from '../support/own-redis.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';

const TTL = 60_000;
const RECORD = 'baton:{shared}';
const QUEUE = `${RECORD}:queue`;
const HOLDERS = `${RECORD}:holders`;
const CAPACITY = 3;

const { server, redis } = await ownRedis();
let client: LockClient;
beforeEach(async () => {
  await redis.flushall();
  client = new LockClient(server.url);
});
afterEach(() => client.close());

type Name = 'acquireShare' | 'releaseShare' | 'refreshShare' | 'downgradeShare';

function run(name: Name, owner: string, ...args: (string | number)[]): Promise<unknown> {
  return redis.eval(scripts[name].lua, 3, RECORD, QUEUE, HOLDERS, owner, ...args);
}

/** As somebody who listens to nothing. */
function acquire(owner: string, units: number, ttl = TTL, capacity = CAPACITY, ...mode: string[]) {
  return run('acquireShare', `${owner}:1:${ttl}:${units}`, ttl, units, capacity, ...mode);
}

async function ended(count: number): Promise<void> {
  const semaphore = client.semaphore('shared', CAPACITY);
  await until(async () => (await semaphore.inspect()).holders.length === count, {
    what: 'the end of a lease',
  });
}

describe.each(['alone', 'beside another'])('row 8: a lease that has ended, %s', (place) => {
  beforeEach(async () => {
    if (place !== 'alone') await acquire('other', 1);
    await acquire('late', 2, 15);
    await ended(place === 'alone' ? 0 : 1);
  });

  it('is not refreshed, downgraded or released any more', async () => {
    expect(await run('refreshShare', 'late:1:15:2', TTL)).toBe(0);
    expect(await run('downgradeShare', 'late:1:15:2', 1)).toBe(0);
    expect(await run('releaseShare', 'late:1:15:2')).toBe(0);
  });

  it('is not granted once more to who asks again, but anew', async () => {
    expect(await acquire('late', 2, 15)).toEqual(expect.any(Number));
  });

  it('is in nobody’s way', async () => {
    expect(await acquire('next', 2)).toEqual(expect.any(Number));
    expect(await acquire('third', 1)).toEqual(
      place === 'alone' ? expect.any(Number) : expect.stringMatching(/^queued /),
    );
  });
});

it('row 8: a lease that has ended is not released any more, but what it had goes to the next in line', async () => {
  await acquire('late', 2);
  const next = client.semaphore('shared', CAPACITY).acquire(TTL, 20_000, { units: 2 });
  await until(async () => (await redis.zcard(QUEUE)) === 1, { what: 'the next in line' });
  const end = String(Date.now() - 1);
  await redis.setrange(RECORD, 17, end);
  expect(await run('releaseShare', `late:1:${TTL}:2`)).toBe(0);
  expect(await (await next).isHeld()).toBe(true);
});

it('a late downgrade gives nothing back to the lease', async () => {
  await acquire('me', 3);
  expect(await run('downgradeShare', `me:1:${TTL}:3`, 1)).toBe(1);
  expect(await run('downgradeShare', `me:1:${TTL}:3`, 2)).toBe(1);
  expect(await acquire('you', 2)).toEqual(expect.any(Number));
});

it('who names another capacity is told so, also where there is no room anyway', async () => {
  await acquire('me', 3);
  expect(await acquire('you', 5, TTL, 5)).toBe('capacity 3');
  expect(await redis.zcard(QUEUE)).toBe(0);
});

it('who comes is behind everybody, also when the clock of the server was set back', async () => {
  await acquire('me', 3);
  await redis.zadd(QUEUE, '9000000000000000', 'early:1:60000:3');
  expect(await acquire('you', 1)).toEqual(expect.stringMatching(/^queued \d+ 9000000000000001 \d+$/));
});

it('who comes after the end of a lease lets in who was there before, and is second', async () => {
  await acquire('me', 3);
  const waiting = client.semaphore('shared', CAPACITY).acquire(TTL, 20_000, { units: 3 });
  await until(async () => (await redis.zcard(QUEUE)) === 1, { what: 'who waits' });
  // The lease ends long before anybody in line expects it.
  await run('refreshShare', `me:1:${TTL}:3`, 10);
  await until(isOver, { what: 'the end of the lease' });
  expect(await acquire('you', 3)).toEqual(expect.stringMatching(/^queued /));
  const lock = await waiting;
  const { holders, waiters } = await client.semaphore('shared', CAPACITY).inspect();
  expect(holders).toMatchObject([{ owner: lock.owner, units: 3, fencingToken: lock.fencingToken }]);
  expect(waiters).toBe(1);
});

async function isOver(): Promise<boolean> {
  const [seconds] = await redis.time();
  const end = Number((await redis.get(RECORD))?.slice(17, 30));
  return Number(seconds) * 1_000 > end;
}

it('what a lost record has left in the hash is nobody’s', async () => {
  await acquire('lost', 1);
  await acquire('gone', 1);
  await redis.del(RECORD);
  await acquire('me', 1);
  await acquire('you', 1);
  expect(await run('refreshShare', `lost:1:${TTL}:1`, TTL)).toBe(0);
  expect((await redis.hkeys(HOLDERS)).sort()).toEqual([`me:1:${TTL}:1`, `you:1:${TTL}:1`]);
});

it('what has run out before the name was a mutex for a while is nobody’s', async () => {
  for (const owner of ['a', 'b', 'c']) await acquire(owner, 1, 15);
  await ended(0);
  const mutex = await client.creator('shared').acquire(TTL);
  await mutex.release();
  await acquire('d', 1);
  await acquire('e', 2);
  for (const owner of ['a', 'b', 'c']) expect(await run('releaseShare', `${owner}:1:15:1`)).toBe(0);
  expect(await acquire('f', 1)).toEqual(expect.stringMatching(/^queued /));
});

it('holders that come in together, when all others have run out, are kept no longer than they may', async () => {
  await acquire('one', 1);
  await acquire('two', 2);
  const semaphore = client.semaphore('shared', CAPACITY);
  const waiting = [semaphore.acquire(TTL, 20_000), semaphore.acquire(TTL, 20_000, { units: 2 })];
  await until(async () => (await redis.zcard(QUEUE)) === 2, { what: 'those who wait' });
  await run('refreshShare', `one:1:${TTL}:1`, 10);
  await run('refreshShare', `two:1:${TTL}:2`, 10);
  await ended(0);
  expect(await acquire('last', 1)).toEqual(expect.stringMatching(/^queued /));
  await Promise.all(waiting);
  expect(await redis.hlen(HOLDERS)).toBe(2);
  expect(await redis.pttl(HOLDERS)).toBeGreaterThan(TTL - 5_000);
});

it('one call drops no more than a thousand of the dead', async () => {
  await acquire('me', 3);
  const dead = Array.from({ length: 1_500 }, (_, index) => [index + 1, `dead:${index}:60000:1`]);
  await redis.zadd(QUEUE, ...dead.flat());
  expect(await run('releaseShare', `me:1:${TTL}:3`)).toBe(3);
  expect(await redis.zcard(QUEUE)).toBe(500);
  expect(await run('releaseShare', `me:1:${TTL}:3`)).toBe(0);
  expect(await redis.zcard(QUEUE)).toBe(0);
});

import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockCapacityError, LockClient, type LockCreator } from '../../src/index.ts';
import { type CommandRecorder, countByName, recordCommands } from '../support/commands.ts';
import { ownRedis } from '../support/own-redis.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';

// Longer than any test may take: what happens earlier was told by the server.
const TTL = 60_000;
const WAIT = 20_000;
const RECORD = 'baton:{shared}';
const QUEUE = `${RECORD}:queue`;
const HOLDERS = `${RECORD}:holders`;

const { server, redis } = await ownRedis();
let clients: LockClient[];
beforeEach(async () => {
  await redis.flushall();
  clients = [new LockClient(server.url), new LockClient(server.url), new LockClient(server.url)];
});
afterEach(async () => {
  for (const client of clients) await client.close();
});

function semaphores(capacity: number): [LockCreator, LockCreator, LockCreator] {
  const [one, two, three] = clients.map((client) => client.semaphore('shared', capacity));
  return [one!, two!, three!];
}

async function queued(count: number): Promise<void> {
  await until(async () => (await redis.zcard(QUEUE)) === count, { what: `${count} in line` });
}

async function scriptsSent(recorder: CommandRecorder): Promise<Record<string, number>> {
  const sent = (await recorder.take()).filter(({ name }) => name === 'evalsha');
  const counts: Record<string, number> = {};
  for (const [name, { sha }] of Object.entries(scripts)) {
    const count = sent.filter(({ text }) => text.includes(sha)).length;
    if (count > 0) counts[name] = count;
  }
  return counts;
}

describe('the cost', () => {
  it('is two commands for each permit, also under contention', async () => {
    const creators = semaphores(5);
    const blockers = await Promise.all(creators.map((creator) => creator.acquire(TTL, WAIT)));
    // Everybody has an inbox by now.
    const probes = creators.map((creator) => creator.acquire(TTL, WAIT, { units: 5 }));
    await queued(3);
    for (const blocker of blockers) await blocker.release();
    await Promise.all(probes.map(async (probe) => (await probe).release()));
    const recorder = await recordCommands(server);
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const lock = await creators[index % 3]!.acquire(TTL, WAIT);
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        await lock.release();
      }),
    );
    expect(most).toBe(5);
    const commands = await recorder.stop();
    expect(countByName(commands)).toEqual({ evalsha: 600 });
  });

  it('of a hundred readers in line is one script, the release of the writer', async () => {
    const sides = clients.map((client) => client.readWriteLock('shared'));
    const writer = await sides[0]!.write.acquire(TTL);
    const readers = Array.from({ length: 100 }, (_, index) => sides[index % 3]!.read.acquire(TTL, WAIT));
    await queued(100);
    const recorder = await recordCommands(server);
    await writer.release();
    const granted = await Promise.all(readers);
    expect(await scriptsSent(recorder)).toEqual({ releaseShare: 1 });
    recorder.close();
    const fences = granted.map(({ fencingToken }) => fencingToken);
    expect(new Set(fences).size).toBe(100);
    expect(Math.min(...fences)).toBeGreaterThan(writer.fencingToken);
    expect((await sides[0]!.read.inspect()).holders).toHaveLength(100);
    await Promise.all(granted.map((lock) => lock.release()));
  });

  it('of waiting is nothing', async () => {
    const [one, two] = semaphores(2);
    await one.acquire(TTL, WAIT, { units: 2 });
    const waits = Array.from({ length: 50 }, () => two.acquire(TTL, WAIT));
    const settled = Promise.allSettled(waits);
    await queued(50);
    const recorder = await recordCommands(server);
    const marker = redis.get('marker');
    await marker;
    expect(await scriptsSent(recorder)).toEqual({});
    recorder.close();
    await clients[1]!.close();
    await settled;
  });
});

describe('what is kept', () => {
  it('is the fence alone when nobody holds any', async () => {
    const [one] = semaphores(3);
    const locks = [await one.acquire(TTL), await one.acquire(TTL, WAIT, { units: 2 })];
    expect(await redis.hlen(HOLDERS)).toBe(2);
    for (const lock of locks) await lock.release();
    expect(await redis.get(RECORD)).toBe(String(locks[1]!.fencingToken));
    expect(await redis.keys('*')).toEqual([RECORD]);
  });

  it('goes by itself, whatever becomes of the clients', async () => {
    const [one, two] = semaphores(2);
    const first = await one.acquire(TTL, WAIT);
    await one.acquire(TTL, WAIT);
    const waiting = two.acquire(TTL, WAIT);
    const settled = waiting.catch(() => {});
    await queued(1);
    await first.refresh(2 * TTL);
    for (const key of [RECORD, QUEUE, HOLDERS]) expect(await redis.pttl(key)).toBeGreaterThan(0);
    // The holders are kept for as long as any of their leases.
    expect(await redis.pttl(HOLDERS)).toBeGreaterThan(2 * TTL - 5_000);
    expect(await redis.pttl(RECORD)).toBeGreaterThan(3_600_000 + TTL);
    await clients[1]!.close();
    await settled;
  });

  it('has its expiry also when the holders are emptied and filled again', async () => {
    const [one] = semaphores(2);
    for (let round = 0; round < 3; round++) {
      const locks = [await one.acquire(TTL), await one.acquire(TTL)];
      expect(await redis.hlen(HOLDERS)).toBe(2);
      expect(await redis.pttl(HOLDERS)).toBeGreaterThan(TTL - 5_000);
      for (const lock of locks) await lock.release();
      expect(await redis.exists(HOLDERS)).toBe(0);
    }
  });

  it('is counted anew when the holders were evicted', async () => {
    const [one, two] = semaphores(2);
    const lost = [await one.acquire(300), await one.acquire(300)];
    await redis.del(HOLDERS);
    for (const lock of lost) await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    const next = [await two.acquire(TTL, WAIT), await two.acquire(TTL, WAIT)];
    expect((await two.inspect()).holders.map(({ owner }) => owner)).toEqual(next.map(({ owner }) => owner));
    expect(await redis.pttl(HOLDERS)).toBeGreaterThan(0);
  });

  it('is nobody’s when the record was lost', async () => {
    const [one, two] = semaphores(2);
    const lost = await one.acquire(TTL, WAIT, { units: 2 });
    await redis.del(RECORD);
    const next = await two.acquire(TTL, WAIT, { units: 2 });
    expect(next.fencingToken).toBeGreaterThan(lost.fencingToken);
    await expect(lost.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    expect(await next.isHeld()).toBe(true);
  });

  it('is left alone when it is not ours', async () => {
    const [one] = semaphores(2);
    for (const foreign of [
      'something else',
      '1795260330844682sab',
      '1795260330844682oab',
      '1795260330844682x',
      '12s3 1 1 1 1',
    ]) {
      await redis.set(RECORD, foreign);
      await expect(one.acquire(TTL, WAIT)).rejects.toMatchObject({ reason: 'foreign' });
      const mutex = clients[0]!.creator('shared');
      await expect(mutex.acquire(TTL, WAIT)).rejects.toMatchObject({ reason: 'foreign' });
      expect(await redis.get(RECORD)).toBe(foreign);
    }
  });
});

describe('a resent command', () => {
  it('gives the same grant once more', async () => {
    const ask = (owner: string, units: number) =>
      redis.eval(scripts.acquireShare.lua, 3, RECORD, QUEUE, HOLDERS, owner, TTL, units, 3);
    const fence = await ask('me:1:60000:2', 2);
    const granted = expect.stringMatching(new RegExp(`^granted ${String(fence)} \\d+$`));
    expect(await ask('me:1:60000:2', 2)).toEqual(granted);
    expect(await redis.get(RECORD)).toMatch(/^\d{16}o\d{13} 3 2 60000 me:1:60000:2$/);
    // And not alone.
    await ask('you:1:60000:1', 1);
    expect(await ask('me:1:60000:2', 2)).toEqual(granted);
    expect(await redis.hlen(HOLDERS)).toBe(2);
    expect((await redis.get(RECORD))?.slice(16)).toMatch(/^s3 3 /);
  });

  it('releases and downgrades once', async () => {
    const keys = [RECORD, QUEUE, HOLDERS];
    await redis.eval(scripts.acquireShare.lua, 3, ...keys, 'me:1:60000:2', TTL, 2, 3);
    await redis.eval(scripts.acquireShare.lua, 3, ...keys, 'you:1:60000:1', TTL, 1, 3);
    for (const _ of [1, 2]) {
      expect(await redis.eval(scripts.downgradeShare.lua, 3, ...keys, 'me:1:60000:2', 1)).toBe(1);
      expect((await redis.get(RECORD))?.slice(16)).toMatch(/^s3 2 /);
    }
    expect(await redis.eval(scripts.releaseShare.lua, 3, ...keys, 'me:1:60000:2')).toBe(1);
    expect(await redis.eval(scripts.releaseShare.lua, 3, ...keys, 'me:1:60000:2')).toBe(0);
    expect((await redis.get(RECORD))?.slice(16)).toMatch(/^s3 1 /);
  });
});

describe('a sole lease', () => {
  it('stands in the record, until another comes beside it', async () => {
    const [one, two] = semaphores(3);
    const first = await one.acquire(TTL);
    expect(await redis.get(RECORD)).toMatch(
      new RegExp(`^${first.fencingToken}o\\d{13} 3 1 ${TTL} ${first.owner}$`),
    );
    expect(await redis.exists(HOLDERS)).toBe(0);
    await first.refresh(2 * TTL);
    const second = await two.acquire(TTL, WAIT, { units: 2 });
    const state = await one.inspect();
    expect(state.holders).toMatchObject([
      { owner: first.owner, units: 1, fencingToken: first.fencingToken },
      { owner: second.owner, units: 2, fencingToken: second.fencingToken },
    ]);
    expect(state.holders[0]?.remainingTtl).toBeGreaterThan(TTL);
    await first.release();
    expect((await one.inspect()).holders).toMatchObject([{ owner: second.owner }]);
    await second.release();
    expect(await redis.keys('*')).toEqual([RECORD]);
  });

  it('is handed on, given back in part, taken by force and lost as any other', async () => {
    const [one, two, three] = semaphores(3);
    const first = await one.acquire(TTL, WAIT, { units: 3 });
    const second = two.acquire(TTL, WAIT, { units: 3 });
    await queued(1);
    await first.release();
    const held = await second;
    expect((await redis.get(RECORD))?.slice(16)).toMatch(/^o\d{13} 3 3 /);
    await held.downgrade(2);
    expect((await redis.get(RECORD))?.slice(16)).toMatch(/^o\d{13} 3 2 /);
    const beside = three.acquire(TTL, WAIT);
    await (await beside).release();
    expect((await redis.get(RECORD))?.slice(16)).toMatch(/^s3 2 /);
    expect(await one.forceRelease()).toBe(true);
    await expect(held.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    const alone = await one.acquire(TTL);
    expect(await two.forceRelease()).toBe(true);
    await expect(alone.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    expect(await redis.keys('*')).toEqual([RECORD]);
  });
});

describe('the dead in line', () => {
  it('are passed over, also thousands of them', async () => {
    const [one, two] = semaphores(2);
    const lock = await one.acquire(TTL, WAIT, { units: 2 });
    const dead = Array.from({ length: 2_500 }, (_, index) => [index + 1, `dead:${index}:60000:1`]);
    await redis.zadd(QUEUE, ...dead.flat());
    const waiting = two.acquire(TTL, WAIT);
    await queued(2_501);
    await lock.release();
    expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
    await queued(0);
  });

  it('are passed over by force and by a downgrade, too', async () => {
    const [one, two] = semaphores(3);
    const lock = await one.acquire(TTL, WAIT, { units: 3 });
    const line = async () => {
      const dead = Array.from({ length: 1_500 }, (_, index) => [index + 1, `dead:${index}:60000:1`]);
      await redis.zadd(QUEUE, ...dead.flat());
    };
    await line();
    const first = two.acquire(TTL, WAIT);
    await queued(1_501);
    await lock.downgrade(2);
    await first;
    await line();
    const second = two.acquire(TTL, WAIT, { units: 3 });
    await queued(1_501);
    expect(await one.forceRelease()).toBe(true);
    expect((await second).units).toBe(3);
  });
});

it.each([2, 3])(
  'row 35: who may not tell the next of %i in line leaves it at its place, and the units free',
  async (units) => {
    const [one, two, three] = semaphores(3);
    await redis.call('ACL', 'SETUSER', 'mute', 'on', 'nopass', '~*', '+@all', '-spublish', 'resetchannels');
    const mute = new Redis(server.port, server.host, { username: 'mute', password: 'any' });
    const keys = [RECORD, QUEUE, HOLDERS];
    await mute.eval(scripts.acquireShare.lua, 3, ...keys, 'mute:1:60000:1', TTL, units, 3);
    const kept = units === 2 ? await one.acquire(TTL) : undefined;
    const waiting = two.acquire(TTL, WAIT, { units });
    await queued(1);
    const releasing = mute.eval(scripts.releaseShare.lua, 3, ...keys, 'mute:1:60000:1');
    await expect(releasing).rejects.toThrow('BATONDENIED');
    mute.disconnect();
    await queued(1);
    expect(await redis.pttl(QUEUE)).toBeGreaterThan(0);
    // Whoever comes next, and may tell, hands over.
    expect(await three.tryAcquire(TTL, { units: 3 })).toBeNull();
    expect((await waiting).units).toBe(units);
    await kept?.release();
  },
);

describe('a lease that runs out', () => {
  it('is handed on when somebody asks, one after the other', async () => {
    const [one, two, three] = semaphores(2);
    const forgotten = [await one.acquire(1_000), await one.acquire(1_300)];
    const waits: Promise<Lock>[] = [];
    for (const creator of [two, three, two]) {
      waits.push(creator.acquire(TTL, WAIT));
      await queued(waits.length);
    }
    const settled = Promise.allSettled(waits);
    const [first, second] = (await Promise.all(waits.slice(0, 2))) as [Lock, Lock];
    for (const { remaining } of forgotten) expect(remaining).toBe(0);
    expect((await one.inspect()).holders.map(({ owner }) => owner).sort()).toEqual(
      [first.owner, second.owner].sort(),
    );
    await queued(1);
    await first.release();
    await settled;
  });

  it('is noticed by the next of a client as well when the first of it was granted by asking', async () => {
    const [one, two] = semaphores(2);
    await one.acquire(1_000);
    await one.acquire(1_300);
    const waits: Promise<Lock>[] = [];
    for (const place of [1, 2]) {
      waits.push(two.acquire(TTL, WAIT));
      await queued(place);
    }
    // Without a look in between the second would wait for the safety net, longer than this test may take.
    expect((await Promise.all(waits)).map(({ remaining }) => remaining > 0)).toEqual([true, true]);
  });

  it('is noticed although somebody was granted a longer one meanwhile', async () => {
    const [one, two] = semaphores(2);
    await one.acquire(1_500);
    const other = await one.acquire(TTL);
    const waits: Promise<Lock>[] = [];
    for (const place of [1, 2]) {
      waits.push(two.acquire(TTL, WAIT));
      await queued(place);
    }
    await other.release();
    await Promise.all(waits);
  });

  it('does not keep the name from another use', async () => {
    const [one] = semaphores(2);
    await one.acquire(50);
    const mutex = clients[1]!.creator('shared');
    await until(() => mutex.tryAcquire(TTL).catch(() => null), { what: 'the mutex' });
    await expect(one.acquire(TTL, WAIT)).rejects.toMatchObject({ wanted: 2, actual: 1 });
    expect(await mutex.forceRelease()).toBe(true);
    await (await one.acquire(TTL, WAIT)).release();
  });

  it('is not lengthened by the refresh of another', async () => {
    const [one, two] = semaphores(2);
    await one.acquire(1_500);
    const kept = (await one.acquire(1_500)).autoRefresh();
    const next = await two.acquire(TTL, WAIT);
    kept.assertHeld();
    expect((await two.inspect()).holders.map(({ owner }) => owner).sort()).toEqual(
      [kept.owner, next.owner].sort(),
    );
    await kept.release();
  });
});

it('a mutex and a semaphore of one name keep out of each other’s way', async () => {
  const [one] = semaphores(2);
  const mutex = clients[1]!.creator('shared');
  const held = await mutex.acquire(TTL);
  const error = await one.acquire(TTL, WAIT).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LockCapacityError);
  expect(error).toMatchObject({ code: 'ERR_LOCK_CAPACITY', wanted: 2, actual: 1, lockName: 'shared' });
  await held.release();
  const permit = await one.acquire(TTL, WAIT);
  await expect(mutex.acquire(TTL, WAIT)).rejects.toMatchObject({ wanted: 1, actual: 2 });
  await expect(mutex.tryAcquire(TTL)).rejects.toThrow(LockCapacityError);
  await permit.release();
  expect((await mutex.acquire(TTL)).fencingToken).toBeGreaterThan(permit.fencingToken);
});

it('the capacity of what nobody holds any of is 1, also when it is watched, or all leases have run out', async () => {
  const [one] = semaphores(3);
  const watch = one.watch();
  const seen = async () => (await watch.next()).value?.capacity;
  expect(await seen()).toBe(1);
  const lock = await one.acquire(TTL);
  expect(await seen()).toBe(3);
  await lock.release();
  expect(await seen()).toBe(1);
  await one.acquire(50);
  await until(async () => (await one.inspect()).holders.length === 0, { what: 'the end of the lease' });
  expect((await one.inspect()).capacity).toBe(1);
  await watch.return?.();
});

it('who is watching sees each holder, until nobody watches', async () => {
  const [one] = semaphores(2);
  const states: string[] = [];
  const watch = one.watch();
  const watching = (async () => {
    for await (const { holders } of watch) {
      states.push(holders.map(({ units, fencingToken }) => `${units} by ${fencingToken}`).join(' and '));
      if (states.length === 5) return;
    }
  })();
  await until(() => states.length === 1, { what: 'the first state' });
  const first = await one.acquire(TTL);
  const second = await one.acquire(TTL);
  await first.release();
  await second.release();
  await watching;
  const [a, b] = [`1 by ${first.fencingToken}`, `1 by ${second.fencingToken}`];
  expect(states).toEqual(['', a, `${a} and ${b}`, b, '']);
  await until(async () => ((await redis.pubsub('SHARDCHANNELS', '*events')) as string[]).length === 0, {
    what: 'the end of the watch',
  });
  const lock = await one.acquire(TTL);
  expect((await redis.get(RECORD))?.charAt(16)).toBe('o');
  await lock.release();
  expect(await redis.get(RECORD)).toMatch(/^\d{16}$/);
});

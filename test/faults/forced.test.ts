import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import {
  type Lock,
  type LockBackend,
  LockClient,
  type LockCreator,
  redisBackend,
  redlockBackend,
} from '../../src/index.ts';
import { recordCommands, type WireCommand } from '../support/commands.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

// No refresh is due while any test here runs: who learns of a release by force was told, or has asked.
const TTL = 120_000;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

let servers: RedisServer[];
/** In front of the subscribers of `holder`, one for each server. */
let proxies: FaultProxy[];

async function start(count: number): Promise<{ holder: LockClient; other: LockClient }> {
  servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  proxies = await Promise.all(servers.map((server) => startProxy(server)));
  const splits = servers.map((server, index) => {
    const split = new SplitRedis({ commands: server.port, subscriber: proxies[index]!.port });
    return split.on('error', () => {});
  });
  const [holder, other] = [client(backendOn(splits)), client(backendOn(servers.map(({ url }) => url)))];
  endings.push(
    ...[...servers, ...proxies].map((each) => () => each.stop()),
    ...splits.map((split) => () => split.disconnect()),
    ...[holder, other].map((each) => () => each.close()),
  );
  return { holder, other };
}

function client(backend: LockBackend): LockClient {
  return new LockClient(backend);
}

function backendOn(sources: (Redis | string)[]): LockBackend {
  return sources.length > 1 ? redlockBackend(sources) : redisBackend(sources[0]!);
}

function inspections(commands: readonly WireCommand[]): number {
  return commands.filter(({ text }) => text.includes(scripts.inspect.sha)).length;
}

it.each([1, 3])(
  'a release by force before the inbox is open is noticed when it is, on %i servers',
  async (count) => {
    const { holder, other } = await start(count);
    const lock = await holder.creator('forced').acquire(TTL);
    for (const proxy of proxies) proxy.stall();
    const { signal } = lock;
    expect(await other.creator('forced').forceRelease()).toBe(true);
    const next = await other.creator('forced').acquire(TTL, 0);
    expect(signal.aborted).toBe(false);
    for (const proxy of proxies) proxy.flow();
    await until(() => signal.aborted, { what: 'the signal to abort' });
    expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    await next.release();
  },
);

it.each([1, 3])(
  'a release by force while the inbox is deaf is noticed when it hears, on %i servers',
  async (count) => {
    const { holder, other } = await start(count);
    const recorders = await Promise.all(servers.map((server) => recordCommands(server)));
    const lock = await holder.creator('forced').acquire(TTL);
    const { signal } = lock;
    // The question after the opening is over; another would have to be because of the gap.
    for (const recorder of recorders) {
      await until(async () => inspections(await recorder.take()) > 0, { what: 'the question' });
      recorder.close();
    }
    expect(await lock.isHeld()).toBe(true);
    for (const proxy of proxies) {
      proxy.refuse();
      proxy.cut();
    }
    await listening(0);
    expect(await other.creator('forced').forceRelease()).toBe(true);
    const next = await other.creator('forced').acquire(TTL, 0);
    expect(signal.aborted).toBe(false);
    for (const proxy of proxies) proxy.accept();
    await until(() => signal.aborted, { what: 'the signal to abort' });
    expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    await next.release();
  },
);

it('who still has the lock when the inbox hears again asks once, and keeps it', async () => {
  const { holder } = await start(1);
  const recorder = await recordCommands(servers[0]!);
  const commands: WireCommand[] = [];
  const asked = (count: number) => async () => {
    commands.push(...(await recorder.take()));
    return inspections(commands) === count;
  };
  const locks = [await holder.creator('one').acquire(TTL), await holder.creator('other').acquire(TTL)];
  const signals = locks.map(({ signal }) => signal);
  await until(asked(2), { what: 'a question for each when the inbox is open' });
  proxies[0]!.cut();
  await until(asked(4), { what: 'another for each' });
  // Answered by now: they were sent on the same connection before this.
  await locks[0]!.refresh();
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  expect(await asked(4)()).toBe(true);
  recorder.close();
});

it('all who hold some of one lock ask with one question when the inbox hears again', async () => {
  const { holder } = await start(1);
  const recorder = await recordCommands(servers[0]!);
  const commands: WireCommand[] = [];
  const asked = (count: number) => async () => {
    commands.push(...(await recorder.take()));
    return inspections(commands) >= count;
  };
  const semaphore = holder.semaphore('many', 20);
  const locks: Lock[] = [];
  while (locks.length < 20) locks.push(await semaphore.acquire(TTL));
  const signals = locks.map(({ signal }) => signal);
  await until(asked(1), { what: 'a question when the inbox is open' });
  proxies[0]!.cut();
  await until(asked(2), { what: 'another' });
  // Sent on the same connection as further ones would be.
  await locks[0]!.refresh();
  commands.push(...(await recorder.take()));
  expect(inspections(commands)).toBe(2);
  expect(signals.map(({ aborted }) => aborted)).toEqual(locks.map(() => false));
  recorder.close();
});

it('a lease that the server has lost meanwhile is told as taken, since nobody has forced anything', async () => {
  const { holder } = await start(1);
  const { signal } = await holder.creator('lossy').acquire(TTL);
  await listening(1);
  const redis = new Redis(servers[0]!.url);
  await redis.flushall();
  redis.disconnect();
  proxies[0]!.cut();
  await until(() => signal.aborted, { what: 'the signal to abort' });
  expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
});

it('who still has the lock asks once, and only the first who opens the inbox', async () => {
  const { holder } = await start(1);
  const recorder = await recordCommands(servers[0]!);
  const commands: WireCommand[] = [];
  const take = async () => {
    commands.push(...(await recorder.take()));
    return inspections(commands);
  };
  const first = await holder.creator('first').acquire(TTL);
  expect(first.signal.aborted).toBe(false);
  await until(async () => (await take()) === 1, { what: 'the question' });
  // Answered by now: it was sent on the same connection before this.
  const second = await holder.creator('second').acquire(TTL);
  expect([first.signal.aborted, second.signal.aborted]).toEqual([false, false]);
  await second.refresh();
  expect(await take()).toBe(1);
  recorder.close();
});

it('nobody asks after a lease that was released before the inbox was open', async () => {
  const { holder, other } = await start(1);
  proxies[0]!.stall();
  const lock = await holder.creator('short').acquire(TTL);
  lock.signal.throwIfAborted();
  await lock.release();
  const blocker = await other.creator('long').acquire(TTL);
  const recorder = await recordCommands(servers[0]!);
  proxies[0]!.flow();
  // Who waits in line has opened the inbox first.
  const waiting = holder.creator('long').acquire(TTL);
  const redis = new Redis(servers[0]!.url);
  await until(async () => (await redis.zcard('baton:{long}:queue')) === 1, { what: 'the waiter' });
  redis.disconnect();
  await blocker.release();
  await waiting;
  expect(inspections(await recorder.stop())).toBe(0);
  expect(lock.signal.aborted).toBe(false);
});

const KINDS: readonly (readonly [string, (client: LockClient) => LockCreator, count: number])[] = [
  ['a mutex', (each) => each.creator('refused'), 1],
  ['a writer', (each) => each.readWriteLock('refused').write, 1],
  ['the permits of a semaphore', (each) => each.semaphore('refused', 2), 2],
];

it.each(KINDS)('a release by force of %s that the server refuses is told to nobody', async (_, of, count) => {
  const { holder, other } = await start(1);
  const locks: Lock[] = [];
  while (locks.length < count) locks.push(await of(holder).acquire(TTL));
  const marker = await holder.creator('marker').acquire(TTL);
  const [told, ...untold] = [marker, ...locks].map((lock) => lock.signal);
  await listening(1);
  const redis = new Redis(servers[0]!.url);
  await redis.config('SET', 'min-replicas-to-write', '1');
  await expect(of(other).forceRelease()).rejects.toThrow('NOREPLICAS');
  await redis.config('SET', 'min-replicas-to-write', '0');
  redis.disconnect();
  // What was sent to the same inbox before is there when this is.
  await other.creator('marker').forceRelease();
  await until(() => told!.aborted, { what: 'the signal of the other lock to abort' });
  expect(untold.map(({ aborted }) => aborted)).toEqual(locks.map(() => false));
  for (const lock of locks) await lock.release();
});

it.each(KINDS)(
  'a release by force of %s that is passed on meanwhile takes it from the next holder',
  async (_, of, count) => {
    const { holder, other } = await start(1);
    const way = await startProxy(servers[0]!);
    const slow = client(redisBackend(way.url));
    endings.push(
      () => way.stop(),
      () => slow.close(),
    );
    expect(await of(slow).isLocked()).toBe(false);
    const locks: Lock[] = [];
    while (locks.length < count) locks.push(await of(holder).acquire(TTL));
    const waits = locks.map(() => of(other).acquire(TTL));
    await until(async () => (await of(holder).inspect()).waiters === count, { what: 'the line' });
    const recorder = await recordCommands(servers[0]!);
    way.stallReplies();
    const forcing = of(slow).forceRelease();
    await until(async () => inspections(await recorder.take()) > 0, { what: 'the holders to be seen' });
    recorder.close();
    for (const lock of locks) await lock.release();
    const next = await Promise.all(waits);
    way.flow();
    expect(await forcing).toBe(true);
    for (const lock of next) expect(await lock.isHeld()).toBe(false);
    expect(await of(holder).isLocked()).toBe(false);
  },
);

it('a release by force that has only dropped dead waiters has taken nothing yet', async () => {
  const { holder, other } = await start(1);
  const way = await startProxy(servers[0]!);
  const slow = client(redisBackend(way.url));
  const redis = new Redis(servers[0]!.url);
  endings.push(
    () => way.stop(),
    () => slow.close(),
    () => redis.disconnect(),
  );
  const [earlier, later, forcing] = [holder, other, slow].map((each) => each.semaphore('crowded', 2));
  expect(await forcing!.isLocked()).toBe(false);
  const lock = await earlier!.acquire(TTL);
  const recorder = await recordCommands(servers[0]!);
  way.stallReplies();
  const forced = forcing!.forceRelease();
  await until(async () => inspections(await recorder.take()) > 0, { what: 'the holder to be seen' });
  recorder.close();
  await lock.release();
  const next = await later!.acquire(TTL);
  const dead = Array.from({ length: 1_500 }, (_, index) => [index + 1, `dead:${index}:60000:1`]);
  await redis.zadd('baton:{crowded}:queue', ...dead.flat());
  way.flow();
  expect(await forced).toBe(true);
  expect(await next.isHeld()).toBe(false);
});

async function forceAt(name: string, ...indexes: number[]): Promise<void> {
  for (const index of indexes) {
    const one = client(redisBackend(servers[index]!.url));
    expect(await one.creator(name).forceRelease()).toBe(true);
    await one.close();
  }
}

async function listeningAt(index: number, count = 1): Promise<void> {
  const redis = new Redis(servers[index]!.url);
  const all = async () => ((await redis.pubsub('SHARDCHANNELS', '*inbox*')) as string[]).length === count;
  await until(all, { what: `${count} to listen` });
  redis.disconnect();
}

it('what one server of a quorum tells makes the holder look at those that it could not hear', async () => {
  const { holder } = await start(3);
  const lock = await holder.creator('unheard').acquire(TTL);
  proxies[2]!.stall();
  const { signal } = lock;
  await listeningAt(0);
  await listeningAt(1);
  await forceAt('unheard', 2, 0);
  await until(() => signal.aborted, { what: 'the signal to abort' });
  proxies[2]!.flow();
});

it('a server of a quorum that can be heard last makes the holder look once more', async () => {
  const { holder } = await start(3);
  const lock = await holder.creator('last').acquire(TTL);
  proxies[0]!.stall();
  proxies[2]!.stall();
  const { signal } = lock;
  await listeningAt(1);
  await forceAt('last', 0);
  proxies[0]!.flow();
  await listeningAt(0);
  expect(await lock.isHeld()).toBe(true);
  await forceAt('last', 2);
  proxies[2]!.flow();
  await until(() => signal.aborted, { what: 'the signal to abort' });
});

it('a release by force at one server of a quorum takes nothing from its holder', async () => {
  const { holder } = await start(3);
  const lock = await holder.creator('spared').acquire(TTL);
  const { signal } = lock;
  const atOne = async (index: number) => {
    const one = client(redisBackend(servers[index]!.url));
    endings.push(() => one.close());
    expect(await one.creator('spared').forceRelease()).toBe(true);
  };
  await listening(1);
  await atOne(0);
  await lock.refresh();
  expect(await lock.isHeld()).toBe(true);
  expect(signal.aborted).toBe(false);
  await atOne(2);
  await until(() => signal.aborted, { what: 'the signal to abort' });
  expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'forced' });
});

it('a release by force is one although servers hear of it one after the other', async () => {
  const { holder } = await start(3);
  const ways = await Promise.all(servers.map((server) => startProxy(server)));
  const slow = client(backendOn(ways.map(({ url }) => url)));
  endings.push(...ways.map((way) => () => way.stop()), () => slow.close());
  expect(await slow.creator('staggered').isLocked()).toBe(false);
  const lock = await holder.creator('staggered').acquire(TTL);
  const { signal } = lock;
  await listening(1);
  // Whoever hears of it gives the lease back at once.
  const ended = new Promise((resolve) => signal.addEventListener('abort', resolve)).then(() =>
    lock.release(),
  );
  ended.catch(() => {});
  for (const way of ways) way.stall();
  const forcing = slow.creator('staggered').forceRelease();
  for (const [index, way] of ways.entries()) {
    way.flow();
    await until(async () => !(await records())[index]!.includes(lock.owner), {
      what: 'the server to hear of it',
    });
  }
  expect(await forcing).toBe(true);
  await expect(ended).rejects.toMatchObject({ reason: 'forced' });
});

/** Until so many, the holder or nobody, listen at every server. */
async function listening(count: 0 | 1): Promise<void> {
  for (const index of servers.keys()) await listeningAt(index, count);
}

async function records(): Promise<string[]> {
  return Promise.all(
    servers.map(async ({ url }) => {
      const redis = new Redis(url);
      const record = await redis.get('baton:{staggered}');
      redis.disconnect();
      return record ?? '';
    }),
  );
}

it('a server of a quorum that has lost the lease alone does not make it lost', async () => {
  const { holder, other } = await start(3);
  const lock = await holder.creator('minority').acquire(TTL);
  const redis = new Redis(servers[0]!.url);
  await redis.flushall();
  redis.disconnect();
  const recorders = await Promise.all(servers.map((server) => recordCommands(server)));
  const seen: WireCommand[] = [];
  const { signal } = lock;
  await until(
    async () => {
      for (const recorder of recorders) seen.push(...(await recorder.take()));
      return inspections(seen) >= 3;
    },
    { what: 'all servers to be asked' },
  );
  expect(await lock.isHeld()).toBe(true);
  expect(signal.aborted).toBe(false);
  expect(await other.creator('minority').forceRelease()).toBe(true);
  await until(() => signal.aborted, { what: 'the signal to abort' });
  for (const recorder of recorders) recorder.close();
});

import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockBackendError, LockClient, redisBackend } from '../../src/index.ts';
import { recordCommands } from '../support/commands.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { timely, until } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

// The scripts are known to the server before anything is swallowed, or the first reply would be NOSCRIPT.
let server: RedisServer;
let proxy: FaultProxy;
let redis: Redis;
beforeEach(async () => {
  server = await startRedis();
  proxy = await startProxy(server);
  redis = new Redis(server.url);
  for (const { lua } of [scripts.acquire, scripts.refresh, scripts.release]) await redis.script('LOAD', lua);
});
afterEach(async () => {
  redis.disconnect();
  await proxy.stop();
  await server.stop();
});

/** How often a script came over the wire, and for how many owners. */
async function runs(recorder: Awaited<ReturnType<typeof recordCommands>>, { sha }: { sha: string }) {
  const texts = (await recorder.take()).map(({ text }) => text).filter((text) => text.includes(sha));
  return { count: texts.length, owners: new Set(texts.map((text) => text.split('" "')[5])).size };
}

describe('row 1: a reply is lost after the server has executed, and ioredis sends the command again', () => {
  it('grants the same lease', async () => {
    await using client = new LockClient(proxy.url);
    const recorder = await recordCommands(server);
    const swallowed = proxy.swallowNextReply({ afterRequestContaining: scripts.acquire.sha });
    const lock = await client.creator('resent').acquire(30_000, 10_000);
    await swallowed;
    expect(await runs(recorder, scripts.acquire)).toEqual({ count: 2, owners: 1 });
    expect(await redis.get('baton:{resent}')).toMatch(
      new RegExp(`^${lock.fencingToken} \\d+ ${lock.owner}$`),
    );
    recorder.close();
  });

  it('keeps one place in the queue', async () => {
    const holder = new LockClient(server.url).creator('resent');
    const lock = await holder.acquire(30_000);
    await using client = new LockClient(proxy.url);
    const opener = client.creator('opener');
    await opener.acquire(30_000);
    opener.acquire(30_000).catch(() => {});
    await until(async () => (await opener.inspect()).waiters === 1, { what: 'the inbox to be open' });
    const swallowed = proxy.swallowNextReply({ afterRequestContaining: scripts.acquire.sha });
    const waiting = client.creator('resent').acquire(30_000, 10_000);
    await swallowed;
    const queue = () => redis.zrange('baton:{resent}:queue', '0', '-1', 'WITHSCORES');
    const place = (await queue()).slice(0, 2);
    expect(place).toHaveLength(2);
    const behind = holder.acquire(30_000, 10_000);
    await until(async () => (await holder.inspect()).waiters === 2, { what: 'both to be in line' });
    expect((await queue()).slice(0, 2)).toEqual(place);
    await lock.release();
    const granted = await waiting;
    await granted.release();
    expect((await behind).fencingToken).toBeGreaterThan(granted.fencingToken);
    await holder.close();
  });

  it('refreshes, and does not take a repeated release for a loss', async () => {
    await using client = new LockClient(proxy.url);
    const creator = client.creator('resent');
    const lock = await creator.acquire(30_000);
    const refresh = proxy.swallowNextReply({ afterRequestContaining: scripts.refresh.sha });
    await lock.refresh(60_000);
    await refresh;
    expect((await creator.inspect()).holders[0]?.remainingTtl).toBeGreaterThan(50_000);
    const release = proxy.swallowNextReply({ afterRequestContaining: scripts.release.sha });
    await lock.release();
    await release;
    expect(await creator.isLocked()).toBe(false);
  });

  it('nor one that was repeated to a server that refused it', async () => {
    await using client = new LockClient(proxy.url);
    const lock = await client.creator('resent').acquire(30_000);
    await using other = await startRedis();
    const release = proxy.swallowNextReply({ afterRequestContaining: scripts.release.sha });
    proxy.refuse();
    const releasing = lock.release();
    await release;
    await redis.call('REPLICAOF', other.host, other.port);
    const recorder = await recordCommands(server);
    proxy.accept();
    await until(async () => (await runs(recorder, scripts.release)).count > 0, { what: 'the repetition' });
    await redis.call('REPLICAOF', 'NO', 'ONE');
    await releasing;
    recorder.close();
  });

  it.each([
    { capacity: 1, dead: 0 },
    { capacity: 2, dead: 0 },
    // So many are dropped in steps, between which the holder has heard of it and gives the lock back.
    { capacity: 1, dead: 1_500 },
  ])('takes the lock from its holder, and not from the next in line: %o', async ({ capacity, dead }) => {
    await using client = new LockClient(proxy.url);
    await using others = new LockClient(server.url);
    const [forcing, creator] = [client, others].map((each) =>
      each.creator('resent', { capacity, units: capacity }),
    );
    const script = capacity === 1 ? scripts.release : scripts.releaseShare;
    await redis.script('LOAD', script.lua);
    const lock = await creator!.acquire(30_000);
    const line = Array.from({ length: dead }, (_, index) => [index + 1, `dead:${index}:60000`]);
    if (dead > 0) await redis.zadd('baton:{resent}:queue', ...line.flat());
    const waiting = creator!.acquire(30_000, 10_000);
    await until(async () => (await creator!.inspect()).waiters === dead + 1, { what: 'the waiter' });
    const swallowed = proxy.swallowNextReply({ afterRequestContaining: script.sha });
    proxy.refuse();
    const forced = forcing!.forceRelease();
    await swallowed;
    const ended: unknown = await lock.release().catch((error: unknown) => error);
    if (dead === 0) expect(ended).toMatchObject({ code: 'ERR_LOCK_LOST' });
    const next = await waiting;
    proxy.accept();
    expect(await forced).toBe(true);
    expect(await next.isHeld()).toBe(true);
    await next.release();
  });
});

it('what a server has refused it has not done: a lease that is gone by the next try was lost', async () => {
  await using client = new LockClient(proxy.url);
  const lock = await client.creator('refused').acquire(30_000);
  await using other = await startRedis();
  await redis.call('REPLICAOF', other.host, other.port);
  const releasing = lock.release();
  // On the same connection, and so answered after the release.
  await expect(client.creator('other').tryAcquire(30_000)).rejects.toThrow('READONLY');
  proxy.stallRequests();
  await redis.ping();
  await redis.call('REPLICAOF', 'NO', 'ONE');
  await redis.flushall();
  proxy.flow();
  await expect(releasing).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
});

describe('row 3: commands that ioredis never settles', () => {
  const options = { autoResendUnfulfilledCommands: false };

  it.each(['acquire', 'refresh', 'release', 'inspect'] as const)('have a deadline: %s', async (call) => {
    const fragile = new Redis(proxy.url, options);
    await using client = new LockClient(redisBackend(fragile, { commandTimeout: 200 }));
    const creator = client.creator('unsettled');
    const lock = await client.creator('held').acquire(30_000);
    proxy.stallReplies();
    const calls = {
      acquire: () => creator.acquire(30_000, 150),
      refresh: () => lock.refresh(),
      release: () => lock.release(),
      inspect: () => creator.inspect(),
    };
    const settled = calls[call]().then(
      () => 'done',
      (error: unknown) => error,
    );
    if (call === 'release') {
      // A release is tried again until the TTL has passed, and so succeeds once the server can be reached.
      await until(() => proxy.connections > 0, { what: 'the connection' });
      proxy.cut();
      proxy.flow();
      expect(await settled).toBe('done');
    } else {
      expect(await settled).toBeInstanceOf(LockBackendError);
      expect(await settled).toMatchObject({ reason: 'unavailable', retryable: true });
      proxy.cut();
      proxy.flow();
    }
    // Ends also with commands that are never settled.
    await client.close();
    fragile.disconnect();
  });

  it('are asked again while there is time to wait', async () => {
    const fragile = new Redis(proxy.url, options);
    await using client = new LockClient(redisBackend(fragile, { commandTimeout: 200 }));
    const swallowed = proxy.swallowNextReply({ afterRequestContaining: scripts.acquire.sha });
    const lock = await client.creator('unsettled').acquire(30_000, 10_000);
    await swallowed;
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    fragile.disconnect();
  });
});

describe('row 4: giving up while the acquire is in flight', () => {
  it('leaves no lease behind when the server wakes up', async () => {
    await using client = new LockClient(server.url);
    const creator = client.creator('abandoned');
    await (await creator.acquire(30_000)).release();
    await server.pause();
    const abort = new AbortController();
    const timedOut = creator.acquire(60_000, 100).catch((error: unknown) => error);
    const aborted = creator
      .acquire(60_000, 30_000, { signal: abort.signal })
      .catch((error: unknown) => error);
    const tried = creator.tryAcquire(60_000, { signal: abort.signal }).catch((error: unknown) => error);
    expect(await timedOut).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    abort.abort('gone');
    expect([await aborted, await tried]).toEqual(['gone', 'gone']);
    await server.resume();
    await until(
      async () => {
        const { holders, waiters } = await creator.inspect();
        return holders.length === 0 && waiters === 0;
      },
      { what: 'the lock to be free' },
    );
    expect(await creator.tryAcquire(30_000)).not.toBeNull();
  });

  it('leaves no lease behind on a server that starts late', async () => {
    await server.kill();
    await using client = new LockClient(server.url);
    const creator = client.creator('abandoned');
    await expect(creator.acquire(60_000, 100)).rejects.toBeInstanceOf(LockBackendError);
    await server.restart();
    const recorder = await recordCommands(server);
    const lock = await creator.acquire(30_000, 10_000);
    await lock.release();
    const abandoned = await until(
      async () => {
        const state = await creator.inspect();
        return state.holders.length + state.waiters === 0;
      },
      { what: 'the lock to be free' },
    );
    expect(abandoned).toBe(true);
    recorder.close();
  });
});

describe('row 7: answers that come late', () => {
  it('count the lease from before the request', async () => {
    await using client = new LockClient(proxy.url);
    const creator = client.creator('late');
    await (await creator.acquire(30_000)).release();
    proxy.delayReplies(600);
    const lock = await creator.acquire(1_000, 10_000);
    expect(lock.remaining).toBeLessThanOrEqual(400 - 12);
    proxy.delayReplies(0);
  });

  it('never give a lease that is over', async () => {
    await using client = new LockClient(proxy.url);
    const creator = client.creator('late');
    await (await creator.acquire(30_000)).release();
    proxy.delayReplies(300);
    await expect(creator.acquire(200, 500)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    await expect(creator.tryAcquire(200)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    const waiting = creator.acquire(200, 20_000);
    await until(async () => (await redis.get('baton:{late}'))?.includes(' '), {
      what: 'a lease given in vain',
    });
    proxy.delayReplies(0);
    const lock = await waiting;
    lock.assertHeld();
  });

  it('count a handed-over lease from the grant, not from the message', async () => {
    const holder = new LockClient(server.url).creator('late');
    const lock = await holder.acquire(30_000);
    await using client = new LockClient(proxy.url);
    const waiting = client.creator('late').acquire(2_000, 20_000);
    await until(async () => (await holder.inspect()).waiters === 1, { what: 'the waiter' });
    // Past the exchange that dates the grant; from here on everything comes 700 ms late.
    await until(async () => (await redis.pubsub('NUMSUB', 'x')) !== null, { what: 'a round trip' });
    proxy.delayReplies(700);
    await lock.release();
    const granted = await waiting;
    expect(granted.remaining).toBeLessThanOrEqual(2_000 - 700 - 22);
    expect(granted.remaining).toBeGreaterThan(0);
    proxy.delayReplies(0);
    await holder.close();
  });
});

it('row 7: a message that comes after the end of its lease gives nothing but a reason to ask', async () => {
  const holder = new LockClient(server.url).creator('late');
  const lock = await holder.acquire(30_000);
  const split = new SplitRedis({ commands: server.port, subscriber: proxy.port });
  await using client = new LockClient(split);
  const waiting = client.creator('late').acquire(2_000, 20_000);
  await until(async () => (await holder.inspect()).waiters === 1, { what: 'the waiter' });
  proxy.delayReplies(3_000);
  await lock.release();
  const { fencingToken: missed } = (await holder.inspect()).holders[0]!;
  const granted = await waiting;
  granted.assertHeld();
  expect(granted.fencingToken).toBeGreaterThan(missed);
  await granted.release();
  proxy.delayReplies(0);
  await holder.close();
  split.disconnect();
});

describe('row 38: scripts that the server forgets', () => {
  it('are sent again', async () => {
    await using client = new LockClient(server.url);
    const creator = client.creator('flushed');
    let busy = true;
    const flushing = (async () => {
      while (busy) await redis.script('FLUSH');
    })();
    for (let round = 0; round < 50; round++) {
      const lock = await creator.acquire(30_000);
      const waiting = creator.acquire(30_000);
      await lock.refresh();
      await lock.release();
      await (await waiting).release();
    }
    busy = false;
    await flushing;
    expect(await creator.isLocked()).toBe(false);
  });
});

describe('row 40: an outage', () => {
  it('keeps the wait timeout to within 50 ms, and says why', async () => {
    await server.kill();
    await using client = new LockClient(server.url);
    const creator = client.creator('dead');
    for (const waitTimeout of [50, 300]) {
      const { error, late } = await timely(waitTimeout + 50, () => creator.acquire(1_000, waitTimeout));
      expect(late).toBe(false);
      expect(error).toBeInstanceOf(LockBackendError);
      expect(error).toMatchObject({
        reason: 'unavailable',
        cause: { code: 'ECONNREFUSED' },
        lockName: 'dead',
      });
    }
    await server.restart();
  });

  it('ends for those who wait on when the server is back', async () => {
    await server.kill();
    await using client = new LockClient(server.url);
    const waiting = client.creator('back').acquire(30_000);
    await expect(
      client.creator('back').tryAcquire(1_000, { signal: AbortSignal.timeout(200) }),
    ).rejects.toThrow();
    await server.restart();
    expect(await (await waiting).isHeld()).toBe(true);
  });
});

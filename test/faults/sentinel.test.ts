import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/connect.ts';
import { type Lock, LockBackendError, LockClient, ReplicationError, redisBackend } from '../../src/index.ts';
import type { RedisBackendOptions } from '../../src/redis/options.ts';
import { ask, says } from '../support/ask.ts';
import { countByName, recordCommands } from '../support/commands.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { replicated } from '../support/replication.ts';
import { type SentinelGroup, type SentinelOptions, startSentinel } from '../support/sentinel.ts';
import { until } from '../support/wait.ts';

const TTL = 60_000;
const WAIT = 25_000;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function start(options?: SentinelOptions): Promise<SentinelGroup> {
  const group = await startSentinel(options);
  endings.push(() => group.stop());
  return group;
}

function clientOn(redis: Redis, options?: RedisBackendOptions): LockClient {
  redis.on('error', () => {});
  const client = new LockClient(redisBackend(redis, options));
  endings.push(
    () => redis.disconnect(),
    () => client.close(),
  );
  return client;
}

function watched({ sentinels, name }: SentinelGroup) {
  return { sentinels, name, sentinelRetryStrategy: () => 50 };
}

function urlOf({ sentinels, name }: SentinelGroup): string {
  return `redis+sentinel://${sentinels.map(({ host, port }) => `${host}:${port}`).join()}/${name}`;
}

function newClient(group: SentinelGroup, options?: RedisBackendOptions): LockClient {
  return clientOn(new Redis(watched(group)), options);
}

/** The master's peers know it by the address of the proxy, so that it can be cut off from them. */
async function startBehindProxy(
  args: readonly string[] = [],
): Promise<{ group: SentinelGroup; proxy: FaultProxy }> {
  const proxies: FaultProxy[] = [];
  const group = await start({
    args,
    async through(master) {
      const proxy = await startProxy(master);
      proxies.push(proxy);
      endings.push(() => proxy.stop());
      return proxy;
    },
  });
  const [proxy] = proxies;
  if (!proxy) throw new Error('there is no proxy');
  return { group, proxy };
}

async function queued(client: LockClient, name: string, count: number): Promise<void> {
  await until(async () => (await client.creator(name).inspect()).waiters === count, {
    what: `${count} in line`,
  });
}

function isLost(lock: Lock): boolean {
  try {
    lock.assertHeld();
    return false;
  } catch {
    return true;
  }
}

async function pauseReplicas({ replicas }: SentinelGroup): Promise<void> {
  for (const replica of replicas) await replica.pause();
}

async function resumeReplicas({ replicas }: SentinelGroup): Promise<void> {
  for (const replica of replicas) await replica.resume();
}

it('a failover leaves what is held held, and tells who waits', async () => {
  const group = await start();
  const holder = newClient(group);
  const waiter = newClient(group);
  const lock = (await holder.creator('kept').acquire(TTL)).autoRefresh();
  const waits = Array.from({ length: 5 }, () => waiter.creator('kept').acquire(TTL, WAIT));
  await queued(holder, 'kept', 5);
  await replicated(group.master, group.replicas);
  await group.master.kill();
  await group.masterOtherThan(group.master);
  await until(() => lock.isHeld().catch(() => false), {
    what: 'the new master to be asked',
    timeout: 20_000,
  });
  await lock.release();
  let last = lock.fencingToken;
  for (const waiting of waits) {
    const granted = await waiting;
    expect(granted.fencingToken).toBeGreaterThan(last);
    last = granted.fencingToken;
    await granted.release();
  }
}, 60_000);

it('row 12: a client by URL leaves a master that was replaced, although that goes on as one', async () => {
  const group = await start();
  const client = new LockClient(urlOf(group));
  endings.push(() => client.close());
  const creator = client.creator('moved');
  await (await creator.acquire(TTL)).release();
  await ask(group.watchers[0]!, `SENTINEL FAILOVER ${group.name}`);
  const next = await group.masterOtherThan(group.master);
  const redis = new Redis(next.url);
  endings.push(() => redis.disconnect());
  const moved = async () => {
    const lock = await creator.acquire(TTL, WAIT);
    await lock.release();
    return (await redis.get('baton:{moved}'))?.startsWith(String(lock.fencingToken));
  };
  await until(moved, { what: 'the client to have moved', timeout: 20_000 });
  // Otherwise it would not have had a choice.
  expect(await says(group.master, 'ROLE', /master/)).toBe(true);
}, 60_000);

describe('row 11: a failover before the replicas know of a grant', () => {
  it('loses it, and says so; the fence of the next is higher all the same', async () => {
    const { group, proxy } = await startBehindProxy();
    // The holder reaches the master itself, as long as it is the master.
    const natMap = { [`${proxy.host}:${proxy.port}`]: { host: group.master.host, port: group.master.port } };
    const holder = clientOn(new Redis({ ...watched(group), natMap }));
    await (await holder.creator('forgotten').acquire(TTL)).release();
    await replicated(group.master, group.replicas);
    proxy.stall();
    const lock = await holder.creator('forgotten').acquire(TTL);
    await group.master.kill();
    // What the replicas have not been told is gone.
    proxy.cut();
    proxy.flow();
    await group.masterOtherThan(group.master);
    const next = await newClient(group).creator('forgotten').acquire(TTL, WAIT);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    const lost = until(
      () =>
        lock.refresh().then(
          () => undefined,
          (error: { code: string }) => (error.code === 'ERR_LOCK_LOST' ? error : undefined),
        ),
      { what: 'the new master to be asked', timeout: 20_000 },
    );
    expect(await lost).toMatchObject({ reason: 'taken' });
    expect(await next.isHeld()).toBe(true);
  }, 60_000);

  it('cannot happen to one that replicas have confirmed', async () => {
    const group = await start();
    const client = newClient(group, { replicas: { count: 2, timeout: 5_000 } });
    const lock = await client.creator('confirmed').acquire(TTL);
    await pauseReplicas(group);
    await group.master.kill();
    await resumeReplicas(group);
    await group.masterOtherThan(group.master);
    await until(() => lock.isHeld().catch(() => false), {
      what: 'the new master to be asked',
      timeout: 20_000,
    });
    expect(await newClient(group).creator('confirmed').owner()).toBe(lock.owner);
    await lock.release();
  }, 60_000);
});

describe('with replicas that have to confirm', () => {
  it('a grant that too few confirm is given back, and the error has the numbers', async () => {
    const group = await start();
    const client = newClient(group, { replicas: { count: 2, timeout: 200 } });
    const plain = newClient(group);
    await (await client.creator('counted').acquire(TTL)).release();
    await group.replicas[0]?.pause();
    const error: unknown = await client
      .creator('counted')
      .acquire(TTL, 1_000)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockBackendError);
    expect(error).toBeInstanceOf(ReplicationError);
    expect(error).toMatchObject({ confirmed: 1, wanted: 2, lockName: 'counted', retryable: true });
    expect(String(error)).toContain('1 of 2 replicas have confirmed the grant within 200 ms');
    await expect(client.creator('counted').tryAcquire(TTL)).rejects.toBeInstanceOf(ReplicationError);
    await until(async () => !(await plain.creator('counted').isLocked()), { what: 'both to be given back' });
    await group.replicas[0]?.resume();
    await until(
      () =>
        client
          .creator('counted')
          .acquire(TTL, 1_000)
          .catch(() => undefined),
      { what: 'a grant' },
    );
  });

  it('also one that was handed over is confirmed, and passed on if it is not', async () => {
    const group = await start();
    const client = newClient(group, { replicas: { count: 2, timeout: 200 } });
    const plain = newClient(group);
    const lock = await plain.creator('handed').acquire(TTL);
    const doomed = client.creator('handed').acquire(TTL, WAIT);
    await queued(plain, 'handed', 1);
    const after = plain.creator('handed').acquire(TTL, WAIT);
    await queued(plain, 'handed', 2);
    await pauseReplicas(group);
    await lock.release();
    await expect(doomed).rejects.toMatchObject({ confirmed: 0, wanted: 2 });
    expect((await after).fencingToken).toBeGreaterThan(lock.fencingToken);
    await resumeReplicas(group);
  });

  it('giving up while they are asked leaves nothing held', async () => {
    const group = await start();
    const client = newClient(group, { replicas: { count: 2, timeout: 1_000 } });
    const plain = newClient(group);
    await (await client.creator('given-up').acquire(TTL)).release();
    await pauseReplicas(group);
    const abort = new AbortController();
    const aborted = client.creator('given-up').acquire(TTL, WAIT, { signal: abort.signal });
    aborted.catch(() => {});
    await until(() => plain.creator('given-up').isLocked(), { what: 'the unconfirmed grant' });
    abort.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    await until(async () => !(await plain.creator('given-up').isLocked()), { what: 'it to be given back' });
    expect(client.held).toEqual([]);
    await resumeReplicas(group);
  });

  it('those who come while one is confirmed share the next WAIT', async () => {
    const group = await start();
    const client = newClient(group, { replicas: { count: 1 } });
    await (await client.creator('first').acquire(TTL)).release();
    const recorder = await recordCommands(group.master);
    const names = Array.from({ length: 50 }, (_, index) => `shared-${index}`);
    const locks = await Promise.all(names.map((name) => client.creator(name).acquire(TTL, WAIT)));
    const { wait = 0 } = countByName(await recorder.stop());
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThan(25);
    await Promise.all(locks.map((lock) => lock.release()));
  });
});

describe('row 12: an old master that is cut off from the others but not from a client', () => {
  /** Longer than it takes the master to see that its replicas are gone. */
  const LEASE = 6_000;

  async function cutOff(args: readonly string[]) {
    const { group, proxy } = await startBehindProxy(args);
    const inside = clientOn(new Redis(group.master.port));
    const lock = await inside.creator('split').acquire(LEASE);
    // The next master knows of the lease; of what becomes of it afterwards it hears nothing.
    await replicated(group.master, group.replicas);
    proxy.refuse();
    proxy.cut();
    return { group, inside, lock };
  }

  async function acquireOutside(group: SentinelGroup): Promise<Lock> {
    await group.masterOtherThan(group.master);
    return newClient(group).creator('split').acquire(TTL, WAIT);
  }

  it('two hold at once, and a resource that claims the fence takes nothing of the earlier any more', async () => {
    const { group, lock } = await cutOff([]);
    lock.autoRefresh();
    const store = await startRedis();
    const resource = new Redis(store.url);
    endings.push(
      () => store.stop(),
      () => resource.disconnect(),
    );
    const claim = `if tonumber(redis.call('GET', 'fence') or 0) > tonumber(ARGV[1]) then return 'refused' end
      redis.call('SET', 'fence', ARGV[1]) return redis.call('INCR', 'writes')`;
    const write = ({ fencingToken }: Lock) => resource.eval(claim, 0, String(fencingToken));
    expect(await write(lock)).toBe(1);
    const late = await acquireOutside(group);
    // Each of them has every reason to believe it: by its clock, and by what its server says.
    expect([isLost(lock), isLost(late)]).toEqual([false, false]);
    expect(await Promise.all([lock.isHeld(), late.isHeld()])).toEqual([true, true]);
    expect([isLost(lock), isLost(late)]).toEqual([false, false]);
    expect(await write(late)).toBe(2);
    expect(await write(lock)).toBe('refused');
    expect(await write(late)).toBe(3);
    await lock.release();
  }, 60_000);

  it('never do with min-replicas-to-write: it refuses, and its holder has lost the lock before the next has it', async () => {
    const setting = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1'];
    const { group, inside, lock } = await cutOff(setting);
    const refused = () =>
      inside
        .creator('other')
        .tryAcquire(TTL)
        .then(
          () => false,
          (error: unknown) => String(error).includes('NOREPLICAS'),
        );
    await until(refused, { what: 'a refusal' });
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    // It tries all the same, for as long as there is time.
    lock.autoRefresh();
    const next = await acquireOutside(group);
    expect(isLost(lock)).toBe(true);
    expect(lock.remaining).toBe(0);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
  }, 60_000);
});

describe('row 21: by Sentinels, a connection that is told to leave its master while it is on its way to another', () => {
  /** As its failover detector does, which still listens then. */
  async function cutTwice(redis: Redis): Promise<void> {
    const onItsWay = once(redis, 'connecting');
    redis.disconnect(true);
    await onItsWay;
    redis.disconnect(true);
  }

  it('goes on, if it is ours', async () => {
    const group = await start();
    const redis = connect(urlOf(group)) as Redis;
    const ends: string[] = [];
    redis.on('end', () => ends.push(redis.status));
    const creator = clientOn(redis).creator('kept');
    const holder = await newClient(group).creator('kept').acquire(TTL);
    const waiting = creator.acquire(TTL, WAIT);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
    await cutTwice(redis);
    await until(() => ends.length > 0, { what: 'ioredis to end it' });
    await holder.release();
    await (await waiting).release();
    redis.disconnect();
    await until(() => redis.status === 'end', { what: 'the end' });
    expect(ends[0]).toBe('connecting');
  });

  it('is made anew, if messages come on it', async () => {
    const group = await start();
    const redis = new ListeningRedis(watched(group));
    const creator = clientOn(redis).creator('kept');
    const holder = await newClient(group).creator('kept').acquire(TTL);
    const waiting = creator.acquire(TTL, WAIT);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
    const [line] = redis.lines;
    await cutTwice(line!);
    await until(() => line?.status === 'end', { what: 'ioredis to end it' });
    await until(() => redis.lines.length === 2 && redis.lines[1]?.status === 'ready', { what: 'another' });
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
    await holder.release();
    await (await waiting).release();
  });
});

it('row 21: without Sentinels nothing spins where yours are not asked again, and all goes on when they are back', async () => {
  const group = await start();
  const redis = new ListeningRedis({ ...watched(group), sentinelRetryStrategy: () => null });
  const creator = clientOn(redis, { replicas: { count: 1 } }).creator('quiet');
  await (await creator.acquire(TTL)).release();
  for (const watcher of group.watchers) await watcher.kill();
  const connects = redis.lines.map((line) => vi.spyOn(line, 'connect'));
  for (const line of redis.lines) line.disconnect(true);
  const count = () => connects.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  await until(() => count() >= redis.lines.length, { what: 'them to be on their way' });
  const end = performance.now() + 1_000;
  await until(() => performance.now() > end, { what: 'a second without Sentinels' });
  expect(count()).toBeLessThan(20);
  for (const watcher of group.watchers) await watcher.restart();
  const granted = () => creator.acquire(TTL, 1_000).catch(() => undefined);
  await until(granted, { what: 'a grant that a replica confirms', timeout: 20_000 });
}, 60_000);

/** Knows the connections that were made from it. */
class ListeningRedis extends Redis {
  readonly lines: Redis[] = [];

  override duplicate(override?: Partial<RedisOptions>): Redis {
    const line = super.duplicate(override);
    this.lines.push(line);
    return line;
  }
}

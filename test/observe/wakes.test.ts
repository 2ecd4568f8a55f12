import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockClient, memoryBackend, redisBackend } from '../../src/index.ts';
import { testKit } from '../../src/testing/kit.ts';
import { SplitRedis } from '../faults/split-redis.ts';
import { ask } from '../support/ask.ts';
import { startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';
import { Recorder } from './recorder.ts';

// Longer than any test here may take, unless it is about a lease that runs out.
const TTL = 60_000;
const WAIT = 20_000;
const NAME = 'orders:42';

let heard: Recorder;
const endings: (() => unknown)[] = [];
beforeEach(() => {
  heard = new Recorder();
});
afterEach(async () => {
  heard.stop();
  for (const end of endings.splice(0).reverse()) await end();
});

function client(source: ConstructorParameters<typeof LockClient>[0]): LockClient {
  const made = new LockClient(source);
  endings.push(() => made.close());
  return made;
}

async function inLine(count: number, asker: LockClient): Promise<void> {
  await until(async () => (await asker.creator(NAME).inspect()).waiters === count, {
    what: `${count} in line`,
  });
}

it.each(['memory', 'Redis'])(
  'who waits for a holder that is gone asks again when its lease has run out, on %s',
  async (engine) => {
    const space = randomUUID();
    const server = engine === 'Redis' ? await startRedis() : undefined;
    endings.push(() => server?.stop());
    const open = () => client(server?.url ?? memoryBackend({ space }));
    const [holder, waiter] = [open(), open()];
    await holder.creator(NAME).acquire(300);
    const lock = await waiter.creator(NAME).acquire(TTL, WAIT);
    expect(heard.acquires[1]).toMatchObject({ outcome: 'granted', wake: 'poke' });
    // Not by each who waits, and not more than once.
    expect(heard.pokes).toEqual([{ name: NAME, owner: lock.owner, reason: 'due' }]);
  },
);

it('who was deaf asks again when its subscriber is back', async () => {
  const server = await startRedis();
  const proxy = await startProxy(server);
  const split = new SplitRedis({ commands: server.port, subscriber: proxy.port });
  split.on('error', () => {});
  endings.push(
    () => server.stop(),
    () => proxy.stop(),
    () => split.disconnect(),
  );
  const [holder, waiter] = [client(server.url), client(split)];
  const lock = await holder.creator(NAME).acquire(TTL);
  const waiting = waiter.creator(NAME).acquire(TTL, WAIT);
  await inLine(1, holder);
  proxy.refuse();
  proxy.cut();
  await until(async () => (await ask(server, 'PUBSUB SHARDCHANNELS *inbox*')).startsWith('*0'), {
    what: 'deafness',
  });
  await lock.release();
  expect(await holder.creator(NAME).isLocked()).toBe(false);
  proxy.accept();
  const { owner } = await waiting;
  expect(heard.acquires[1]).toMatchObject({ outcome: 'granted', wake: 'reconnect' });
  expect(heard.pokes).toEqual([{ name: NAME, owner, reason: 'reconnected' }]);
});

it('an answer that came only after a link had been cut is told as such', async () => {
  const server = await startRedis();
  const proxy = await startProxy(server);
  endings.push(
    () => server.stop(),
    () => proxy.stop(),
  );
  const creator = client(proxy.url).creator(NAME);
  await (await creator.acquire(TTL)).release();
  const swallowed = proxy.swallowNextReply({ afterRequestContaining: NAME });
  const waiting = creator.acquire(TTL, WAIT);
  await swallowed;
  await waiting;
  expect(heard.acquires.map(({ wake }) => wake)).toEqual(['reply', 'reconnect']);
});

it('a server that refuses for a while is asked again, until it answers', async () => {
  const server = await startRedis();
  endings.push(() => server.stop());
  const [holder, waiter] = [client(server.url), client(server.url)];
  // An open inbox, so that the next asks for a place at once.
  const blocker = await holder.creator('other').acquire(TTL);
  const opening = waiter.creator('other').acquire(TTL, WAIT);
  await until(async () => (await holder.creator('other').inspect()).waiters === 1, { what: 'the waiter' });
  await ask(server, 'CONFIG SET min-replicas-to-write 1');
  const waiting = waiter.creator(NAME).acquire(TTL, WAIT);
  await until(() => heard.pokes.length > 0, { what: 'the poke' });
  await ask(server, 'CONFIG SET min-replicas-to-write 0');
  const { owner } = await waiting;
  expect(heard.pokes).toEqual([{ name: NAME, owner, reason: 'unanswered' }]);
  expect(heard.acquires.at(-1)).toMatchObject({ name: NAME, wake: 'reconnect' });
  await blocker.release();
  await opening;
});

it('what told of a grant is known also when replicas have to confirm it', async () => {
  const [server, replica] = [await startRedis(), await startRedis()];
  endings.push(
    () => server.stop(),
    () => replica.stop(),
  );
  await ask(replica, `REPLICAOF ${server.host} ${server.port}`);
  const confirmed = () => client(redisBackend(server.url, { replicas: { count: 1, timeout: 5_000 } }));
  const [holder, waiter] = [confirmed(), confirmed()];
  await until(async () => (await ask(replica, 'INFO replication')).includes('master_link_status:up'), {
    what: 'the replica',
  });
  const lock = await holder.creator(NAME).acquire(TTL);
  const waiting = waiter.creator(NAME).acquire(TTL, WAIT);
  await inLine(1, holder);
  await lock.release();
  await waiting;
  expect(heard.acquires.map(({ wake }) => wake)).toEqual(['reply', 'handoff']);
});

it('what told of a grant is known in a test kit, and times are by its clock', async () => {
  await using kit = testKit();
  kit.delay(100);
  const holding = kit.client().creator(NAME).acquire(TTL);
  await kit.clock.advance(100);
  const lock = await holding;
  const waiting = kit.client().creator(NAME).acquire(TTL);
  await kit.clock.advance(1_000);
  const releasing = lock.release();
  await kit.clock.advance(100);
  await Promise.all([releasing, waiting]);
  expect(heard.acquires).toMatchObject([
    { wake: 'reply', waited: 100 },
    { wake: 'handoff', waited: 1_100 },
  ]);
  expect(heard.releases).toMatchObject([{ held: 1_000 }]);
});

it('when the server has forgotten the line, all who wait ask again, and not only who is next', async () => {
  const server = await startRedis();
  endings.push(() => server.stop());
  const [holder, waiter] = [client(server.url), client(server.url)];
  await holder.creator(NAME).acquire(500);
  const waits: Promise<Lock>[] = [];
  for (let count = 1; count <= 3; count++) {
    waits.push(waiter.creator(NAME).acquire(TTL, WAIT));
    await inLine(count, holder);
  }
  await ask(server, 'FLUSHALL');
  const owners: string[] = [];
  for (const waiting of waits) {
    const lock = await waiting;
    owners.push(lock.owner);
    await lock.release();
  }
  const [first, second, third] = owners;
  expect(heard.pokes).toEqual([
    { name: NAME, owner: first, reason: 'due' },
    { name: NAME, owner: second, reason: 'forgotten' },
    { name: NAME, owner: third, reason: 'forgotten' },
  ]);
  expect(heard.acquires.map(({ wake }) => wake)).toEqual(['reply', 'poke', 'handoff', 'handoff']);
});

describe('a client whose inbox is open', () => {
  let server: RedisServer;
  let redis: Redis;
  let waiter: LockClient;
  beforeEach(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    endings.push(
      () => server.stop(),
      () => redis.disconnect(),
    );
    waiter = client(server.url);
    const blocker = await waiter.creator('other').acquire(TTL);
    const opening = waiter.creator('other').acquire(TTL, WAIT);
    await until(async () => (await waiter.creator('other').inspect()).waiters === 1, { what: 'the waiter' });
    await blocker.release();
    await (await opening).release();
  });

  it('goes on asking when one answer does not do for a line of the dead', async () => {
    const dead = Array.from({ length: 1_500 }, (_, i) => [i, `ghost.1.000000000000:${i}:30000`]);
    await redis.zadd(`baton:{${NAME}}:queue`, ...dead.flat());
    const { owner } = await waiter.creator(NAME).acquire(TTL, WAIT);
    expect(heard.pokes).toEqual([{ name: NAME, owner, reason: 'unfinished' }]);
    expect(heard.acquires.at(-1)).toMatchObject({ name: NAME, wake: 'poke' });
  });

  it('asks about a grant that is dated in the future, and was handed it all the same', async () => {
    const { fencingToken } = await waiter.creator(NAME).acquire(TTL);
    const waiting = waiter.creator(NAME).acquire(TTL, WAIT);
    await inLine(1, waiter);
    const [owner = ''] = await redis.zpopmin(`baton:{${NAME}}:queue`);
    const [inbox = ''] = (await redis.pubsub('SHARDCHANNELS', '*inbox*')) as string[];
    await redis.set(`baton:{${NAME}}`, `${fencingToken + 1} ${Date.now() + TTL} ${owner}`);
    const hourFromNow = (Date.now() + 3_600_000) * 1_000;
    await redis.spublish(inbox, `granted ${owner} ${fencingToken + 1} ${hourFromNow} baton:{${NAME}}`);
    expect(await waiting).toMatchObject({ owner, fencingToken: fencingToken + 1 });
    expect(heard.pokes).toEqual([{ name: NAME, owner, reason: 'undated' }]);
    expect(heard.acquires.at(-1)).toMatchObject({ name: NAME, wake: 'handoff' });
  });
});

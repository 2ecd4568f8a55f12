import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  LockClient,
  LockLostError,
  QuorumError,
  type RedlockBackendOptions,
  redlockBackend,
} from '../../src/index.ts';
import { recordCommands, type WireCommand } from '../support/commands.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until, within } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

/** Higher than any that a clock gives today. */
const FENCE = '2000000000000000';

let servers: RedisServer[];
let proxies: FaultProxy[];
let clients: LockClient[];
let watchers: Redis[];
beforeEach(() => {
  servers = [];
  proxies = [];
  clients = [];
  watchers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.resume().catch(() => {})));
  await Promise.all(clients.map((client) => client.close()));
  for (const watcher of watchers) watcher.disconnect();
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await Promise.all(servers.map((server) => server.stop()));
});

/** Servers that know the scripts, so that nothing is sent twice for want of them. */
async function start(count: number): Promise<void> {
  servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  await Promise.all(servers.map((_, index) => teach(index)));
}

async function teach(index: number): Promise<void> {
  const { adopt, acquire, refresh, release } = scripts;
  for (const { lua } of [adopt, acquire, refresh, release]) await at(index).script('LOAD', lua);
}

/** A look at one server, past the library. */
function at(index: number): Redis {
  watchers[index] ??= new Redis(servers[index]!.url).on('error', () => {});
  return watchers[index];
}

function connect(options: RedlockBackendOptions = {}, urls = servers.map(({ url }) => url)): LockClient {
  const client = new LockClient(redlockBackend(urls, { commandTimeout: 300, ...options }));
  clients.push(client);
  return client;
}

/** Who has the record of this lock on one server. */
async function holderAt(index: number, name: string): Promise<string | undefined> {
  return (await at(index).get(`baton:{${name}}`))?.split(' ')[2];
}

/** Until no server keeps anything for anybody. */
async function allFree(name: string, indices = servers.keys()): Promise<void> {
  for (const index of indices) {
    const free = async () => {
      const owner = await holderAt(index, name);
      return (owner === undefined || owner === '-') && (await at(index).zcard(`baton:{${name}}:queue`)) === 0;
    };
    await until(free, { what: `server ${index} to be free` });
  }
}

interface Hold {
  readonly from: number;
  readonly to: number;
  readonly fencingToken: number;
}

/** Many workers that want the same lock, again and again; gives back who had it when. */
async function contend(name: string, workers: readonly LockClient[], rounds: number, ttl = 5_000) {
  const holds: Hold[] = [];
  const work = async (client: LockClient): Promise<void> => {
    const creator = client.creator(name);
    for (let round = 0; round < rounds; round++) {
      const lock = await creator.acquire(ttl, 25_000);
      const from = performance.now();
      await new Promise((resolve) => setImmediate(resolve));
      // Past its deadline a lease proves nothing.
      if (lock.remaining > 0) holds.push({ from, to: performance.now(), fencingToken: lock.fencingToken });
      await lock.release().catch((error: unknown) => {
        if (!(error instanceof LockLostError || error instanceof QuorumError)) throw error;
      });
    }
  };
  await Promise.all(workers.map(work));
  return holds;
}

/** One after another, each with a higher fence. */
function expectExclusive(holds: readonly Hold[]): void {
  const inOrder = holds.toSorted((a, b) => a.from - b.from);
  for (const [index, hold] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (!before) continue;
    expect(hold.from).toBeGreaterThanOrEqual(before.to);
    expect(hold.fencingToken).toBeGreaterThan(before.fencingToken);
  }
}

function crowd(size: number): LockClient[] {
  const four = Array.from({ length: 4 }, () => connect());
  return Array.from({ length: size }, (_, index) => four[index % 4]!);
}

async function failure(work: Promise<unknown>): Promise<QuorumError> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(QuorumError);
  return error as QuorumError;
}

describe('row 18: a partial majority', () => {
  it('keeps nothing, also on servers that did not answer', async () => {
    await start(5);
    const creator = connect().creator('partial');
    await (await creator.acquire(30_000)).release();
    await Promise.all([2, 3, 4].map((index) => servers[index]!.pause()));
    const error = await within(2_000, 'the failure', () => failure(creator.tryAcquire(60_000)));
    expect(error).toMatchObject({
      code: 'ERR_LOCK_QUORUM',
      reason: 'unavailable',
      retryable: true,
      lockName: 'partial',
    });
    expect(error.errors.map(({ server }) => server)).toEqual(
      [2, 3, 4].map((index) => `${servers[index]!.host}:${servers[index]!.port}`),
    );
    await allFree('partial', [0, 1].values());
    await Promise.all([2, 3, 4].map((index) => servers[index]!.resume()));
    await allFree('partial');
    const lock = await creator.acquire(30_000, 10_000);
    expect(await lock.isHeld()).toBe(true);
  });

  it('takes back a vote of after the release, also when nobody waits for it any more', async () => {
    await start(3);
    proxies = [await startProxy(servers[2]!)];
    const client = connect({}, [servers[0]!.url, servers[1]!.url, proxies[0]!.url]);
    await (await client.creator('warm-up').acquire(30_000)).release();
    // Where neither has come yet it is free, too; a vote that comes later would tell that server the script.
    await until(async () => (await at(2).get('baton:{warm-up}'))?.length === 16, {
      what: 'the vote and the release',
    });
    // It knows how to release, but not how to vote: that is sent a second time, when its answer has come.
    await at(2).script('FLUSH');
    await at(2).script('LOAD', scripts.release.lua);
    const recorder = await recordCommands(servers[2]!);
    const sent: WireCommand[] = [];
    const count = async (seen: (command: WireCommand) => boolean) => {
      sent.push(...(await recorder.take()));
      return sent.filter(seen).length;
    };
    proxies[0]!.stallReplies();
    const lock = await client.creator('late').acquire(60_000);
    await lock.release();
    // When the release is sent again the vote, which was asked for before it, has been given up.
    const released = () => count(({ text }) => text.includes(scripts.release.sha));
    await until(async () => (await released()) > 1, { what: 'the end of its patience' });
    proxies[0]!.flow();
    await until(() => count(({ name }) => name === 'eval'), { what: 'the vote' });
    await allFree('late');
    recorder.close();
  });

  it('makes a try fail and a wait go on', async () => {
    await start(3);
    const [first, second] = [connect().creator('partial'), connect().creator('partial')];
    const lock = await first.acquire(30_000);
    await servers[0]!.restart();
    // The first server has forgotten the lease and grants, but the others remember it.
    await until(async () => (await at(0).ping()) === 'PONG', { what: 'the first server' });
    expect(await second.tryAcquire(30_000)).toBeNull();
    const waiting = second.acquire(30_000, 20_000);
    await until(async () => (await at(1).zcard('baton:{partial}:queue')) === 1, {
      what: 'it to wait behind the holder',
    });
    await lock.release();
    const next = await within(2_000, 'the handoff', () => waiting);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await next.release();
    await allFree('partial');
  });
});

describe('row 18: servers that forgot', () => {
  it('do not matter as long as a quorum remembers, and are not told again', async () => {
    await start(3);
    const lock = await connect().creator('forgot').acquire(30_000);
    await until(async () => (await holderAt(2, 'forgot')) === lock.owner, { what: 'all votes' });
    await at(2).flushall();
    await lock.refresh();
    expect(await lock.isHeld()).toBe(true);
    expect(await at(2).exists('baton:{forgot}')).toBe(0);
    await lock.release();
  });

  it('cost the lease when no quorum remembers', async () => {
    await start(3);
    const creator = connect().creator('forgot');
    const locks = [await creator.acquire(30_000), await connect().creator('other').acquire(30_000)];
    for (const [index, name] of [
      [1, 'forgot'],
      [2, 'forgot'],
      [1, 'other'],
      [2, 'other'],
    ] as const) {
      await until(async () => holderAt(index, name), { what: 'all votes' });
      await at(index).del(`baton:{${name}}`);
    }
    await expect(locks[0]!.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    await expect(locks[1]!.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    expect(await connect().creator('forgot').isLocked()).toBe(false);
  });
});

describe('20 contenders on 5 servers', () => {
  it('send 2 N + 2 commands for each acquisition at most, one after another with rising fences', async () => {
    await start(5);
    const workers = crowd(20);
    // The inboxes are opened first.
    await contend('warm-up', workers, 1);
    const recorders = await Promise.all(servers.map(recordCommands));
    const holds = await contend('contended', workers, 5);
    const counts = await Promise.all(recorders.map(async (recorder) => (await recorder.stop()).length));
    expect(holds).toHaveLength(100);
    expectExclusive(holds);
    expect(counts.reduce((sum, count) => sum + count, 0) / holds.length).toBeLessThanOrEqual(2 * 5 + 2);
    await allFree('contended');
  });

  it.each([
    ['killed', (server: RedisServer) => server.kill()],
    ['stopped', (server: RedisServer) => server.pause()],
  ])('go on when two of them are %s', async (_, fault) => {
    await start(5);
    const workers = crowd(20);
    const contended = contend('contended', workers, 5, 2_000);
    // In the middle of it: the server where all wait, and another.
    await until(async () => (await at(0).zcard('baton:{contended}:queue')) > 5, { what: 'a line' });
    await Promise.all([fault(servers[0]!), fault(servers[3]!)]);
    expectExclusive(await contended);
  });

  it('go on when two of them come back without their data, one after the other', async () => {
    await start(5);
    const workers = crowd(20);
    const contended = contend('contended', workers, 10, 1_000);
    await until(async () => (await at(0).zcard('baton:{contended}:queue')) > 5, { what: 'a line' });
    for (const index of [0, 3]) {
      await servers[index]!.kill();
      await until(async () => (await at(1).get('baton:{contended}')) !== null, { what: 'progress' });
      await servers[index]!.restart();
    }
    expectExclusive(await contended);
  });
});

describe('three dead of five', () => {
  it('fail with what each of them says, and work again when one of them is back', async () => {
    await start(5);
    const client = connect();
    const creator = client.creator('dead');
    const held = await client.creator('held').acquire(30_000);
    await Promise.all([0, 2, 3].map((index) => servers[index]!.kill()));
    const expected = [0, 2, 3].map((index) => `${servers[index]!.host}:${servers[index]!.port}`);
    const waited = await within(4_000, 'the wait to end', () => failure(creator.acquire(30_000, 1_500)));
    expect(waited.errors.map(({ server }) => server)).toEqual(expected);
    for (const { error } of waited.errors) expect(error).toMatchObject({ reason: 'unavailable' });
    const tried = await within(1_000, 'the try to end', () => failure(creator.tryAcquire(30_000)));
    expect(tried.errors.map(({ server }) => server)).toEqual(expected);
    expect((await failure(held.refresh())).errors).toHaveLength(3);
    expect((await failure(creator.inspect())).errors).toHaveLength(3);
    expect((await failure(creator.forceRelease())).errors).toHaveLength(3);
    const waiting = creator.acquire(30_000, 20_000);
    await servers[2]!.restart();
    const lock = await within(5_000, 'the recovery', () => waiting);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await creator.isLocked()).toBe(false);
  });

  it('are there from the start', async () => {
    await start(3);
    await Promise.all([0, 1].map((index) => servers[index]!.kill()));
    const creator = connect().creator('dead');
    expect((await failure(creator.tryAcquire(30_000))).errors).toHaveLength(2);
    const waiting = creator.acquire(30_000, 20_000);
    await servers[1]!.restart();
    expect((await within(5_000, 'the recovery', () => waiting)).remaining).toBeGreaterThan(0);
  });
});

describe('the server where everybody waits', () => {
  it.each([
    ['dies', (server: RedisServer) => server.kill(), 30_000],
    // Nobody hears of that before somebody asks: the first to ask is the waiter, when the lease runs out.
    ['freezes', (server: RedisServer) => server.pause(), 1_000],
  ])('%s, and they wait on at the next', async (_, fault, ttl) => {
    await start(3);
    const lock = await connect().creator('moved').acquire(ttl);
    const waiting = connect().creator('moved').acquire(30_000, 20_000);
    await until(async () => (await at(0).zcard('baton:{moved}:queue')) === 1, { what: 'the waiter' });
    await fault(servers[0]!);
    if (ttl > 5_000) {
      await until(async () => (await at(1).zcard('baton:{moved}:queue')) === 1, { what: 'it to move' });
      await lock.release();
    }
    const next = await within(5_000, 'the next in line', () => waiting);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await next.release();
  });

  it('is down for a moment, and nobody leaves it', async () => {
    await start(3);
    proxies = [await startProxy(servers[0]!)];
    const urls = [proxies[0]!.url, servers[1]!.url, servers[2]!.url];
    const lock = await connect().creator('moment').acquire(30_000);
    const waiting = connect({}, urls).creator('moment').acquire(30_000, 20_000);
    await until(async () => (await at(0).zcard('baton:{moment}:queue')) === 1, { what: 'the waiter' });
    const before = proxies[0]!.accepted;
    proxies[0]!.cut();
    await until(() => proxies[0]!.accepted > before, { what: 'it to come back' });
    await lock.release();
    await (await waiting).release();
    expect(await at(1).exists('baton:{moment}:queue')).toBe(0);
  });
});

it('a watch goes on when its server dies', async () => {
  await start(3);
  const creator = connect().creator('watched');
  const tokens: (number | 'free')[] = [];
  const abort = new AbortController();
  const watching = (async () => {
    for await (const { holders } of creator.watch({ signal: abort.signal })) {
      tokens.push(holders[0]?.fencingToken ?? 'free');
    }
  })().catch((reason: unknown) => reason);
  await until(() => tokens.length === 1, { what: 'the first state' });
  const first = await connect().creator('watched').acquire(30_000);
  await until(() => tokens.at(-1) === first.fencingToken, { what: 'the grant' });
  await servers[0]!.kill();
  await first.release();
  await until(() => tokens.at(-1) === 'free', { what: 'the release' });
  const second = await connect().creator('watched').acquire(30_000, 10_000);
  await until(() => tokens.at(-1) === second.fencingToken, { what: 'the next grant' });
  abort.abort('enough');
  expect(await watching).toBe('enough');
  await second.release();
});

it('a watch begins elsewhere when its server is ended before it can be heard', async () => {
  await start(2);
  await using proxy = await startProxy(servers[0]!);
  proxy.stall();
  const split = new SplitRedis({ commands: servers[0]!.port, subscriber: proxy.port });
  split.on('error', () => {});
  await split.ping();
  const client = new LockClient(redlockBackend([split, servers[1]!.url]));
  clients.push(client);
  const first = client.creator('watched').watch().next();
  await until(() => proxy.accepted > 0, { what: 'the first to be asked' });
  await split.quit();
  await within(5_000, 'the state', () => expect(first).resolves.toMatchObject({ value: { holders: [] } }));
});

it('a watch ends, and none begins, when the connections to all servers were ended', async () => {
  await start(3);
  const instances = servers.map(({ url }) => new Redis(url));
  const client = new LockClient(redlockBackend(instances));
  clients.push(client);
  const ended = {
    code: 'ERR_LOCK_QUORUM',
    reason: 'unavailable',
    retryable: false,
    lockName: 'watched',
  };
  const watch = client.creator('watched').watch();
  expect((await watch.next()).value).toMatchObject({ holders: [] });
  const next = watch.next();
  const end = expect(within(5_000, 'the end', () => next)).rejects.toMatchObject(ended);
  for (const redis of instances) await redis.quit();
  await end;
  const late = () => client.creator('watched').watch().next();
  await expect(within(5_000, 'an answer', late)).rejects.toMatchObject(ended);
});

it('who only waits notices all the same that the server where it waits is frozen', async () => {
  await start(3);
  const holder = connect();
  const waiter = connect();
  // Longer than anybody waits here: no poke comes before.
  const lock = await holder.creator('frozen').acquire(120_000);
  const waiting = waiter.creator('frozen').acquire(60_000, 20_000);
  await until(async () => (await holder.creator('frozen').inspect()).waiters === 1, { what: 'the waiter' });
  await servers[0]!.pause();
  const [, second] = servers;
  await until(async () => (await at(servers.indexOf(second!)).zcard('baton:{frozen}:queue')) === 1, {
    what: 'the waiter to have moved',
  });
  await lock.release();
  const granted = await waiting;
  expect(granted.fencingToken).toBeGreaterThan(lock.fencingToken);
  await servers[0]!.resume();
  await granted.release();
});

describe('clients that see different first servers', () => {
  it.each([4, 5, 2])('exclude each other and get on: %i servers', async (count) => {
    await start(count);
    proxies = await Promise.all(servers.map(startProxy));
    const sees = (hidden: number) => {
      // With two, both are needed: these clients only disagree about the order.
      const urls = servers.map(({ url }, index) => (index === hidden ? proxies[index]!.url : url));
      return connect({}, count === 2 && hidden === 0 ? urls.toReversed() : urls);
    };
    if (count > 2) proxies[0]!.refuse();
    const two = [sees(0), sees(-1)];
    const workers = Array.from({ length: 10 }, (_, index) => two[index % 2]!);
    const holds = await contend('disagreed', workers, 5);
    expect(holds).toHaveLength(50);
    expectExclusive(holds);
    await allFree('disagreed');
  });
});

describe('two lines for one lock', () => {
  it('become one: who waited elsewhere while the first server was away goes over to its line', async () => {
    await start(3);
    proxies = [await startProxy(servers[0]!)];
    proxies[0]!.refuse();
    const urls = [proxies[0]!.url, servers[1]!.url, servers[2]!.url];
    const lock = await connect({}, urls).creator('split').acquire(30_000, 5_000);
    const waiter = connect({}, urls).creator('split');
    const waiting = waiter.acquire(30_000, 20_000);
    await until(async () => (await at(1).zcard('baton:{split}:queue')) === 1, { what: 'the waiter' });
    proxies[0]!.accept();
    await until(() => proxies[0]!.connections >= 2, { what: 'the first server to be back' });
    await until(async () => (await waiter.inspect()).waiters === 0, { what: 'it to be asked again' });
    const rival = 'rival:1:30000';
    await at(0).eval(scripts.adopt.lua, 2, 'baton:{split}', 'baton:{split}:queue', rival, 30_000, FENCE);
    const recorder = await recordCommands(servers[2]!);
    await lock.release();
    await until(async () => (await at(0).zcard('baton:{split}:queue')) === 1, { what: 'it to go over' });
    expect((await recorder.take()).filter(({ text }) => text.includes(scripts.adopt.sha))).toEqual([]);
    recorder.close();
    await at(0).eval(scripts.release.lua, 2, 'baton:{split}', 'baton:{split}:queue', rival);
    const next = await within(2_000, 'the handoff', () => waiting);
    expect(next.fencingToken).toBeGreaterThan(Number(FENCE));
    await next.release();
    await allFree('split');
  });
});

describe('a grant', () => {
  it('comes with the quorum-th vote, not the last', async () => {
    await start(3);
    const creator = connect({ commandTimeout: 20_000 }).creator('quick');
    await (await creator.acquire(30_000)).release();
    await until(async () => (await at(2).exists('baton:{quick}')) === 1, { what: 'all connections' });
    await servers[2]!.pause();
    const lock = await within(5_000, 'the grant', () => creator.acquire(30_000));
    await within(5_000, 'the refresh', () => lock.refresh());
    await within(5_000, 'the release', () => lock.release());
    await servers[2]!.resume();
    await allFree('quick');
  });

  it('waits for a release that is on its way, in place', async () => {
    await start(3);
    const [first] = servers.map(({ url }) => url);
    const late = await Promise.all(servers.slice(1).map(startProxy));
    const far = await Promise.all(servers.slice(1).map(startProxy));
    proxies = [...late, ...far];
    const lock = await connect({}, [first!, ...late.map(({ url }) => url)])
      .creator('late')
      .acquire(30_000);
    // Whose questions take a while is patient, too.
    const client = connect({}, [first!, ...far.map(({ url }) => url)]);
    await (await client.creator('warm-up').acquire(30_000)).release();
    for (const proxy of far) proxy.delay(40);
    const waiting = client.creator('late').acquire(30_000, 20_000);
    await until(async () => (await at(0).zcard('baton:{late}:queue')) === 1, { what: 'the waiter' });
    const recorders = await Promise.all(servers.slice(1).map((server) => recordCommands(server)));
    const texts = recorders.map((): string[] => []);
    /** How often each of the two was asked for its vote. */
    const votes = () =>
      Promise.all(
        recorders.map(async (recorder, index) => {
          texts[index]!.push(...(await recorder.take()).map(({ text }) => text));
          return texts[index]!.filter((text) => text.includes(scripts.adopt.sha)).length;
        }),
      );
    for (const proxy of late) proxy.stall();
    const releasing = lock.release();
    await until(async () => Math.min(...(await votes())) > 0, { what: 'two votes that are refused' });
    for (const proxy of late) proxy.flow();
    const next = await waiting;
    await releasing;
    await until(async () => Math.max(...(await votes())) > 1, { what: 'one to be asked again' });
    expect(Math.max(...(await votes()))).toBeLessThanOrEqual(6);
    expect(texts.flat().filter((text) => text.includes(scripts.acquire.sha))).toEqual([]);
    for (const recorder of recorders) recorder.close();
    await next.release();
  });

  it('is counted from the earliest of its votes', async () => {
    await start(2);
    const client = connect();
    await (await client.creator('warm-up').acquire(30_000)).release();
    // Of a rank so low that it is waited for, and not the other way round.
    const rival = ['rival-13627700:1:150', 150, '1000000000000001'];
    await at(1).eval(scripts.adopt.lua, 2, 'baton:{counted}', 'baton:{counted}:queue', ...rival);
    const lock = await client.creator('counted').acquire(5_000, 5_000);
    const ends = await Promise.all([0, 1].map(async (index) => at(index).get('baton:{counted}')));
    const [first, second] = ends.map((record) => Number(record?.split(' ')[1]));
    expect(second! - first!).toBeGreaterThan(20);
    // The clock of the servers is ours; it is read in whole ms.
    expect(Date.now() + lock.remaining).toBeLessThanOrEqual(first! - 52 + 1);
    await lock.release();
  });
});

describe('a release', () => {
  it('goes to the first server first, as the next in line is told by that', async () => {
    await start(3);
    const order: number[] = [];
    const instances = servers.map(({ url }, index) => {
      const redis = new Redis(url);
      const evalsha = redis.evalsha.bind(redis) as (...args: unknown[]) => Promise<unknown>;
      redis.evalsha = ((...args: unknown[]) => {
        if (args[0] === scripts.release.sha) order.push(index);
        return evalsha(...args);
      }) as typeof redis.evalsha;
      return redis;
    });
    const client = new LockClient(redlockBackend(instances));
    const lock = await client.creator('ordered').acquire(30_000);
    await lock.release();
    expect(order[0]).toBe(0);
    expect([...order].sort()).toEqual([0, 1, 2]);
    await client.close();
    expect(instances.map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
    for (const redis of instances) redis.disconnect();
  });

  it('reaches a server that had not answered', async () => {
    await start(3);
    proxies = [await startProxy(servers[2]!)];
    const urls = [servers[0]!.url, servers[1]!.url, proxies[0]!.url];
    const creator = connect({}, urls).creator('unanswered');
    await (await creator.acquire(30_000)).release();
    // Its answers may come later than the quorum.
    await until(async () => (await at(2).exists('baton:{unanswered}')) === 1, { what: 'the connection' });
    await allFree('unanswered');
    proxies[0]!.stallReplies();
    const lock = await creator.acquire(30_000, 5_000);
    await until(async () => (await holderAt(2, 'unanswered')) === lock.owner, { what: 'the vote' });
    await within(2_000, 'the release', () => lock.release());
    proxies[0]!.flow();
    await allFree('unanswered');
  });

  it('reaches a server that had answered with an error', async () => {
    await start(3);
    const creator = connect().creator('refused');
    await (await creator.acquire(30_000)).release();
    await at(2).config('SET', 'min-replicas-to-write', '1');
    const lock = await creator.acquire(30_000, 5_000);
    expect(await holderAt(2, 'refused')).toBeUndefined();
    await at(2).config('SET', 'min-replicas-to-write', '0');
    const recorder = await recordCommands(servers[2]!);
    await lock.release();
    await until(async () => (await recorder.take()).some(({ text }) => text.includes(scripts.release.sha)), {
      what: 'the release to arrive',
    });
    recorder.close();
  });

  it('is unknown when no quorum could be told until the TTL had passed', async () => {
    await start(3);
    const lock = await connect().creator('untold').acquire(800);
    await Promise.all([0, 1].map((index) => servers[index]!.kill()));
    const error = await within(4_000, 'the release to end', () => failure(lock.release()));
    expect(error.errors).toHaveLength(2);
  });
});

describe('fences', () => {
  const fenceAt = async (index: number, name: string) =>
    Number((await at(index).get(`baton:{${name}}`))?.slice(0, 16) ?? 0);

  it('rise whoever comes first, whichever server has forgotten', async () => {
    await start(3);
    const urls = servers.map(({ url }) => url);
    const rotated = [0, 1, 2].map((by) => connect({}, [...urls.slice(by), ...urls.slice(0, by)]));
    let runs = 0;
    const step = fc.record({ by: fc.nat(2), forgets: fc.option(fc.nat(2)), releases: fc.boolean() });
    const rising = fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
      const name = `rising-${++runs}`;
      // Beyond what clocks give, so that nothing but the quorum makes them rise.
      for (const index of [0, 1, 2]) await at(index).set(`baton:{${name}}`, FENCE);
      let last = Number(FENCE);
      for (const { by, forgets, releases } of steps) {
        const lock = await rotated[by]!.creator(name).acquire(releases ? 30_000 : 30, 10_000);
        expect(lock.fencingToken).toBeGreaterThan(last);
        last = lock.fencingToken;
        if (releases) await lock.release();
        if (forgets === null) continue;
        // One may forget when the others do not: then each quorum knows of it.
        const others = [0, 1, 2].filter((index) => index !== forgets);
        const fences = await Promise.all(others.map((index) => fenceAt(index, name)));
        if (fences.every((fence) => fence >= last)) await at(forgets).del(`baton:{${name}}`);
      }
    });
    await fc.assert(rising, { numRuns: 25 });
  });

  it('rise above that of any server of the quorum', async () => {
    await start(3);
    const creator = connect().creator('ahead');
    const before = await creator.acquire(30_000);
    await before.release();
    await allFree('ahead');
    const ahead = before.fencingToken + 3_600_000_000;
    // As after a time in which another server came first, whose clock is an hour ahead.
    for (const index of [1, 2]) await at(index).set('baton:{ahead}', String(ahead));
    const lock = await creator.acquire(30_000, 5_000);
    expect(lock.fencingToken).toBe(ahead + 1);
    for (const index of [0, 1, 2]) {
      await until(async () => (await at(index).get('baton:{ahead}'))?.startsWith(String(ahead + 1)), {
        what: `the fence on server ${index}`,
      });
    }
    await lock.release();
    const next = await creator.acquire(30_000, 5_000);
    expect(next.fencingToken).toBe(ahead + 2);
    await next.release();
  });

  it('are one and the same at a quorum, whoever of the others has answered by then', async () => {
    await start(3);
    const creator = connect().creator('apart');
    const before = await creator.acquire(30_000);
    await before.release();
    await allFree('apart');
    const ahead = before.fencingToken + 3_600_000_000;
    for (const index of [1, 2]) await at(index).set('baton:{apart}', String(ahead + index));
    // The one that knows of the highest is not heard before the others agree.
    await servers[2]!.pause();
    const lock = await creator.acquire(30_000, 5_000);
    await servers[2]!.resume();
    expect(lock.fencingToken).toBe(ahead + 2);
    expect(await Promise.all([0, 1].map((index) => fenceAt(index, 'apart')))).toEqual([ahead + 2, ahead + 2]);
    await lock.release();
    await allFree('apart');
    const next = await creator.acquire(30_000, 5_000);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await next.release();
  });
});

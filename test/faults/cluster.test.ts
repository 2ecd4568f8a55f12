import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lock, LockClient, redisBackend } from '../../src/index.ts';
import type { RedisBackendOptions } from '../../src/redis/options.ts';
import { startProxy } from '../support/proxy.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { replicated } from '../support/replication.ts';
import { scripts } from '../support/scripts.ts';
import { until, within } from '../support/wait.ts';

// Leases and safety nets are longer than any test here may take: who is woken was told.
const TTL = 60_000;
const WAIT = 25_000;

type Options = NonNullable<ConstructorParameters<typeof Cluster>[1]>;

let cluster: RedisCluster;
const endings: (() => unknown)[] = [];
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});
afterAll(() => cluster.stop());

async function connect(nodes: RedisCluster['nodes'], options: Options = {}): Promise<Cluster> {
  const connection = new Cluster(nodes, options);
  connection.on('error', () => {});
  endings.push(() => connection.disconnect());
  await until(() => connection.status === 'ready', { what: 'the connection' });
  return connection;
}

function clientOf(connection: Cluster, options?: RedisBackendOptions): LockClient {
  const client = new LockClient(redisBackend(connection, options));
  endings.push(() => client.close());
  return client;
}

async function newClient(): Promise<LockClient> {
  return clientOf(await connect(cluster.nodes));
}

async function queued(client: LockClient, name: string, count: number): Promise<void> {
  await until(async () => (await client.creator(name).inspect()).waiters === count, {
    what: `${count} in line`,
  });
}

/** How many listen to the inbox of a lock, by the server that is master of it. */
async function listening(connection: Cluster, name: string): Promise<number> {
  const pattern = `baton:{${name}}:inbox:*`;
  const counts = connection.nodes('master').map((node) => node.pubsub('SHARDCHANNELS', pattern));
  return (await Promise.all(counts)).flat().length;
}

async function otherMaster(than: RedisServer): Promise<RedisServer> {
  for (let index = 0; ; index++) {
    const master = await cluster.masterOf(`some-${index}`);
    if (master !== than) return master;
  }
}

/** Takes the lock again and again; answers the fences in the order of the grants. */
async function work(
  client: LockClient,
  name: string,
  inside: Set<Lock>,
  goOn: () => boolean,
): Promise<number[]> {
  const fences: number[] = [];
  while (goOn()) {
    const lock = await client.creator(name).acquire(TTL, WAIT);
    inside.add(lock);
    if (inside.size > 1) throw new Error('two at a time');
    fences.push(lock.fencingToken);
    await new Promise((resolve) => setImmediate(resolve));
    inside.delete(lock);
    await lock.release();
  }
  return fences;
}

describe('row 2: a reply is lost on a cluster connection, which sends again whatever its options say', () => {
  it('grants, refreshes and releases once', async () => {
    await using single = await startRedisCluster({ masters: 1, replicas: 0 });
    const [server] = single.servers;
    if (!server) throw new Error('there is no server');
    await using proxy = await startProxy(server);
    const natMap = { [`${server.host}:${server.port}`]: { host: proxy.host, port: proxy.port } };
    const connection = await connect([{ host: proxy.host, port: proxy.port }], {
      natMap,
      redisOptions: { autoResendUnfulfilledCommands: false },
    });
    for (const { lua } of [scripts.acquire, scripts.refresh, scripts.release]) {
      await connection.nodes('master')[0]?.script('LOAD', lua);
    }
    const client = clientOf(connection);
    const creator = client.creator('resent');
    await creator.inspect();
    const swallow = (text: string) => proxy.swallowNextReply({ afterRequestContaining: text });
    const granted = swallow('resent');
    const lock = await creator.acquire(30_000, 10_000);
    await granted;
    expect((await creator.inspect()).holders).toMatchObject([
      { owner: lock.owner, fencingToken: lock.fencingToken },
    ]);
    const refreshed = swallow('resent');
    await lock.refresh(60_000);
    await refreshed;
    const released = swallow('resent');
    await lock.release();
    await released;
    expect(await creator.isLocked()).toBe(false);
    await client.close();
    connection.disconnect();
  });
});

describe('row 17: slots move under load', () => {
  it('costs no grant, no order of fences and no exclusion', async () => {
    const name = 'moving';
    const clients = [await newClient(), await newClient()];
    const inside = new Set<Lock>();
    let moving = true;
    const working = clients.flatMap((client) =>
      Array.from({ length: 5 }, () => work(client, name, inside, () => moving)),
    );
    const done = Promise.all(working);
    const home = await cluster.masterOf(`{${name}}`);
    const away = await otherMaster(home);
    for (const to of [away, home, away, home, away, home, away, home]) {
      await cluster.move(`{${name}}`, to);
      // The others are held up by nothing but a move.
      await clients[0]
        ?.creator(name)
        .acquire(TTL, WAIT)
        .then((lock) => lock.release());
    }
    moving = false;
    const fences = await done;
    for (const own of fences) expect(own).toEqual([...own].sort((a, b) => a - b));
    const all = fences.flat();
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(50);
  });

  it('lets a waiter hear of its grant from the new master', async () => {
    const name = 'moved';
    const [holder, waiter] = [await newClient(), await newClient()];
    const lock = await holder.creator(name).acquire(TTL);
    const waiting = waiter.creator(name).acquire(TTL, WAIT);
    await queued(holder, name, 1);
    const home = await cluster.masterOf(`{${name}}`);
    await cluster.move(`{${name}}`, await otherMaster(home));
    const probe = await connect(cluster.nodes);
    await until(async () => (await listening(probe, name)) === 1, {
      what: 'the inbox to have moved',
    });
    await queued(holder, name, 1);
    await lock.release();
    expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
    await cluster.move(`{${name}}`, home);
  });
});

describe('an inbox of a lock', () => {
  it('is opened again when the server has forgotten it without a word', async () => {
    const name = 'forgotten';
    const connection = await connect(cluster.nodes);
    const lines: Redis[] = [];
    for (const node of connection.nodes('all')) {
      const duplicate = node.duplicate.bind(node);
      node.duplicate = (override) => {
        const line = duplicate(override);
        lines.push(line);
        return line;
      };
    }
    const waiter = clientOf(connection, { safetyNet: 400 });
    const holder = await newClient();
    const lock = await holder.creator(name).acquire(TTL);
    const waiting = waiter.creator(name).acquire(TTL, WAIT);
    await queued(holder, name, 1);
    // On a busy machine a replica may have taken over meanwhile, and the inbox have moved to another line.
    const forget = async () => {
      for (const line of lines) if (line.status === 'ready') await line.sunsubscribe().catch(() => {});
      return (await listening(connection, name)) === 0;
    };
    await until(forget, { what: 'the server to have forgotten the inbox' });
    // It is passed over as dead, asks again after the safety net, and learns so that nobody hears it.
    await lock.release();
    const granted = await waiting;
    const next = waiter.creator(name).acquire(TTL, WAIT);
    await until(async () => (await listening(connection, name)) === 1, { what: 'the inbox to be open' });
    await granted.release();
    await (await next).release();
  });

  it('row 25: may be refused after a reconnect, without an end of the process or of the wait', async () => {
    const name = 'refused';
    const all = await connect(cluster.nodes);
    const rule = async (...words: string[]) => {
      for (const node of all.nodes('all')) await node.call('ACL', 'SETUSER', 'waiter', ...words);
    };
    await rule('on', '>secret', '~*', '&*', '+@all');
    const redisOptions = { username: 'waiter', password: 'secret' };
    const waiter = clientOf(await connect(cluster.nodes, { redisOptions }), { safetyNet: 500 });
    const holder = await newClient();
    const lock = await holder.creator(name).acquire(TTL);
    const waiting = waiter.creator(name).acquire(TTL, WAIT);
    await queued(holder, name, 1);
    await rule('resetchannels');
    await until(async () => (await listening(all, name)) === 0, { what: 'the link to be cut' });
    await lock.release();
    const granted = await waiting;
    expect(granted.fencingToken).toBeGreaterThan(lock.fencingToken);
    await rule('allchannels');
    await granted.release();
  });

  it('listens with one connection for each node that has a lock waited for, and ends them with the client', async () => {
    const connection = await connect(cluster.nodes);
    const client = clientOf(connection);
    const names = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    const held = await Promise.all(names.map((name) => client.creator(name).acquire(TTL)));
    const waits = names.map((name) => client.creator(name).acquire(TTL, WAIT));
    for (const name of names) await queued(client, name, 1);
    const subscribers = async () => {
      const lists = connection.nodes('master').map((node) => node.call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
      return (await Promise.all(lists)).map((list) => String(list).trim().split('\n').filter(Boolean).length);
    };
    expect(await subscribers()).toEqual([1, 1, 1]);
    await Promise.all(held.map((lock) => lock.release()));
    for (const lock of await Promise.all(waits)) await lock.release();
    await client.close();
    await until(async () => (await subscribers()).join() === '0,0,0', {
      what: 'the ends of the connections',
    });
    const leftovers = ['+node', 'refresh', 'node error', 'ready', 'end'].map((event) => [
      event,
      connection.listenerCount(event),
    ]);
    const fresh = await connect(cluster.nodes);
    expect(leftovers).toEqual(leftovers.map(([event]) => [event, fresh.listenerCount(String(event))]));
  });
});

describe('row 36: the cluster does not serve a slot', () => {
  it('waits until it does', async () => {
    const name = 'unserved';
    const client = clientOf(await connect(cluster.nodes, { retryDelayOnClusterDown: 10 }));
    await client.creator(name).isLocked();
    const master = await cluster.masterOf(`{${name}}`);
    const direct = await connect(cluster.nodes);
    const node = direct.nodes('master').find(({ options }) => options.port === master.port);
    const slot = (await node?.cluster('KEYSLOT', `{${name}}`)) ?? 0;
    await node?.cluster('DELSLOTS', slot);
    const waiting = client.creator(name).acquire(TTL, WAIT);
    await expect(client.creator(name).acquire(TTL, 2_500)).rejects.toMatchObject({
      code: 'ERR_LOCK_BACKEND',
      reason: 'unavailable',
    });
    await node?.cluster('ADDSLOTS', slot);
    await (await waiting).release();
  });
});

it.each(['before it was ready', 'while it was ready'])(
  'a node that refused a cluster %s does not end a wait in a later outage',
  async (when) => {
    const connection = new Cluster(cluster.nodes, { clusterRetryStrategy: () => 500 });
    endings.push(() => connection.disconnect());
    const client = clientOf(connection);
    const refuse = () =>
      connection.emit('node error', Object.assign(new Error('WRONGPASS'), { name: 'ReplyError' }));
    if (when === 'before it was ready') refuse();
    await until(() => connection.status === 'ready', { what: 'the connection' });
    if (when === 'while it was ready') refuse();
    connection.disconnect(true);
    await until(() => ['close', 'reconnecting'].includes(connection.status), { what: 'the outage' });
    await (await client.creator('forgiven').acquire(TTL, WAIT)).release();
  },
);

it('row 49: a cluster that its user has ended refuses what needs a subscription, and ends what has one', async () => {
  const ended = { code: 'ERR_LOCK_BACKEND', retryable: false };
  const connection = await connect(cluster.nodes);
  const client = clientOf(connection);
  const watch = client.creator('ended').watch();
  await watch.next();
  const next = expect(within(2_000, 'the end', () => watch.next())).rejects.toMatchObject(ended);
  await connection.quit();
  await next;
  const another = () => client.creator('another').watch().next();
  await expect(within(2_000, 'an answer', another)).rejects.toMatchObject(ended);
});

it('row 12: who listens at a replica, which may have been the master, hears of no grant there', async () => {
  const name = 'moved';
  const [holder, waiter] = [await newClient(), await newClient()];
  const lock = await holder.creator(name).acquire(TTL);
  const waiting = waiter.creator(name).acquire(TTL, WAIT);
  await queued(holder, name, 1);
  const connection = await connect(cluster.nodes);
  // Before the other, of a client that the master knows nothing of.
  await connection.zadd(`baton:{${name}}:queue`, 1, 'ghost.1.000000000000:1:30000');
  const [replica] = cluster.replicasOf(await cluster.masterOf(`{${name}}`));
  const subscriber = new Redis(replica?.url ?? '');
  endings.push(() => subscriber.disconnect());
  const heard: string[] = [];
  subscriber.on('smessage', (_channel: string, text: string) => heard.push(text));
  const inbox = `baton:{${name}}:inbox:ghost.1.000000000000`;
  await subscriber.ssubscribe(inbox);
  await lock.release();
  await (await waiting).release();
  // What the master has told of comes in its order.
  await connection.spublish(inbox, 'the mark');
  await until(() => heard.includes('the mark'), { what: 'the mark' });
  expect(heard).toEqual(['the mark']);
});

// The last one: it leaves the cluster with a server less.
describe('a master dies', () => {
  it('its locks stay held, fences rise, and who waits is told by the replica that takes over', async () => {
    const name = 'orphaned';
    const [holder, waiter] = [await newClient(), await newClient()];
    const lock = (await holder.creator(name).acquire(TTL)).autoRefresh();
    const waits = Array.from({ length: 5 }, () => waiter.creator(name).acquire(TTL, WAIT));
    await queued(holder, name, 5);
    const master = await cluster.masterOf(`{${name}}`);
    await replicated(master, cluster.replicasOf(master));
    await master.kill();
    await until(async () => (await cluster.masterOf(`{${name}}`)) !== master, {
      what: 'the failover',
      timeout: 20_000,
    });
    await lock.refresh();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    let last = lock.fencingToken;
    for (const waiting of waits) {
      const granted = await waiting;
      expect(granted.fencingToken).toBeGreaterThan(last);
      last = granted.fencingToken;
      await granted.release();
    }
  }, 60_000);
});

import { once } from 'node:events';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

const TTL = 60_000;
const WAIT = 20_000;

interface Warning extends Error {
  code?: string;
}

let warnings: Warning[];
// All of them to the end, so that none has the port, and so the name, of another before it.
const servers: AsyncDisposable[] = [];
const endings: (() => unknown)[] = [];
beforeEach(() => {
  warnings = [];
  const note = (warning: Warning) => {
    if (warning.code === 'BATON_EVICTION') warnings.push(warning);
  };
  process.on('warning', note);
  endings.push(() => process.off('warning', note));
});
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
});

async function serverWith(policy: string): Promise<RedisServer> {
  const server = await startRedis({ args: ['--maxmemory-policy', policy] });
  servers.push(server);
  return server;
}

type Options = Pick<RedisOptions, 'username' | 'password' | 'enableReadyCheck'>;

function connect({ url }: RedisServer, options: Options = {}): Redis {
  const redis = new Redis(url, options);
  redis.on('error', () => {});
  endings.push(() => redis.disconnect());
  return redis;
}

/** Takes a lock on a connection; what a warning depends on has been answered by then. */
async function use(redis: Redis): Promise<void> {
  const client = new LockClient(redis);
  endings.push(() => client.close());
  if (redis.status !== 'ready') await once(redis, 'ready');
  await (await client.creator('used').acquire(TTL)).release();
  await settled(redis);
}

/** Commands are answered in their order, and a warning is told in the next tick. */
async function settled(redis: Redis): Promise<void> {
  await redis.ping();
  await new Promise((resolve) => setImmediate(resolve));
}

describe('row 14: a server that evicts keys', () => {
  it('is warned of once, whatever the number of clients and connections', async () => {
    const server = await serverWith('allkeys-lru');
    const redis = connect(server);
    await use(redis);
    expect(warnings).toMatchObject([{ name: 'BatonlockWarning' }]);
    const { message } = warnings[0]!;
    expect(message).toContain(`${server.host}:${server.port} has the maxmemory-policy allkeys-lru`);
    expect(message).toContain('noeviction');
    const other = connect(server);
    await use(other);
    let reconnects = 0;
    redis.on('ready', () => {
      reconnects += 1;
    });
    await other.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await until(() => reconnects > 0, { what: 'a new connection' });
    await settled(redis);
    expect(warnings).toHaveLength(1);
  });

  it('is warned of each by its name', async () => {
    for (const policy of ['volatile-lru', 'allkeys-random']) await use(connect(await serverWith(policy)));
    expect(warnings.map(({ message }) => /policy (\S+):/.exec(message)?.[1])).toEqual([
      'volatile-lru',
      'allkeys-random',
    ]);
  });

  it('is not warned of while it does not, and as soon as it does when a connection is new', async () => {
    const server = await serverWith('noeviction');
    const redis = connect(server);
    await use(redis);
    expect(warnings).toEqual([]);
    await redis.config('SET', 'maxmemory-policy', 'volatile-ttl');
    await use(connect(server));
    expect(warnings).toHaveLength(1);
  });

  it('is not asked by whoever does without INFO, or may not use it', async () => {
    const server = await serverWith('allkeys-lru');
    await use(connect(server, { enableReadyCheck: false }));
    const admin = connect(server);
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-info');
    await use(connect(server, { username: 'app', password: 'secret' }));
    expect(warnings).toEqual([]);
    await use(admin);
    expect(warnings).toHaveLength(1);
  });

  it('is warned of as a node of a cluster, whether that was connected before or after', async () => {
    const nodes = await startRedisCluster({ masters: 2, replicas: 0 });
    servers.push(nodes);
    const nameAt = async ({ port }: RedisServer): Promise<string> => {
      for (let index = 0; ; index++) {
        if ((await nodes.masterOf(`baton:{used-${index}}`)).port === port) return `used-${index}`;
      }
    };
    for (const [index, server] of nodes.servers.entries()) {
      const name = await nameAt(server);
      await connect(server).config('SET', 'maxmemory-policy', 'allkeys-lfu');
      const cluster = new Cluster(nodes.nodes);
      endings.push(() => cluster.disconnect());
      if (index === 0) {
        await until(() => cluster.nodes('master').length === 2, { what: 'both nodes' });
        for (const node of cluster.nodes('master')) await node.ping();
      }
      const client = new LockClient(cluster);
      endings.push(() => client.close());
      await (await client.creator(name).acquire(TTL)).release();
      await until(() => warnings.length > index, { what: 'the warning' });
      for (const node of cluster.nodes('master')) await settled(node);
      expect(warnings).toHaveLength(index + 1);
      expect(warnings[index]!.message).toContain(`:${server.port} has the maxmemory-policy allkeys-lfu`);
    }
  });
});

describe('row 14: a lock whose record was evicted', () => {
  it.each(['allkeys-lru', 'allkeys-random', 'volatile-lru'])(
    'is given to somebody else, with a higher fence; the holder learns of it at the next refresh: %s',
    async (policy) => {
      const server = await serverWith(policy);
      const redis = connect(server);
      const [holder, other] = [new LockClient(server.url), new LockClient(server.url)];
      endings.push(
        () => holder.close(),
        () => other.close(),
      );
      const lock = await holder.creator('evicted').acquire(TTL);
      await evict(redis, 'baton:{evicted}');
      // What the docs say: until then both have it.
      const next = await other.creator('evicted').acquire(TTL, WAIT);
      expect(lock.remaining).toBeGreaterThan(0);
      expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
      await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
      expect(lock.signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
      await next.release();
    },
  );
});

/** Fills the server's memory with other keys until one is dropped, and makes room again. */
async function evict(redis: Redis, key: string): Promise<void> {
  const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory', String(used + 1_000_000));
  let filler = 0;
  await until(
    async () => {
      const names = Array.from({ length: 50 }, () => `filler-${filler++}`);
      // Of what has no end nothing may be dropped by some policies, and then there is no room for more.
      await Promise.all(names.map((name) => redis.set(name, 'x'.repeat(10_000)).catch(() => {})));
      return (await redis.exists(key)) === 0;
    },
    { what: `${key} to be evicted`, timeout: WAIT },
  );
  await redis.config('SET', 'maxmemory', '0');
}

import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Lock, LockClient, ReplicationError, redisBackend } from '../../src/index.ts';
import { says } from '../support/ask.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

// With `replicas`, grants are confirmed on a connection of our own, made from the user's. It must neither inherit what suits only
// that one, nor end before it, nor outlive it.

const TTL = 60_000;

type OwnOptions = Omit<RedisOptions, 'replyMapping'>;

/** A connection that knows which were made from it. */
class ParentRedis extends Redis {
  readonly children: Redis[] = [];

  override duplicate(override?: Partial<RedisOptions>): Redis {
    const child = super.duplicate(override);
    this.children.push(child);
    return child;
  }
}

let master: RedisServer;
let replica: RedisServer;
const endings: (() => unknown)[] = [];
beforeEach(async () => {
  master = await startRedis({ hostNetwork: true, args: ['--repl-diskless-sync-delay', '0'] });
  replica = await startRedis({
    hostNetwork: true,
    args: ['--replicaof', master.host, String(master.port)],
  });
  await until(() => says(master, 'INFO replication', /state=online/), { what: 'the replica' });
});
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
  await replica.stop();
  await master.stop();
});

async function connect(options: OwnOptions = {}, replicas = { count: 1, timeout: 5_000 }) {
  const redis = new ParentRedis(master.port, master.host, options);
  redis.on('error', () => {});
  const client = new LockClient(redisBackend(redis, { replicas }));
  endings.push(
    () => redis.disconnect(),
    () => client.close(),
  );
  await once(redis, 'ready');
  const take = (name: string): Promise<Lock> => client.creator(name).acquire(TTL, 20_000);
  return { redis, take };
}

it('comes back when it was ended for good, as ioredis does in an unlucky failover', async () => {
  const { redis, take } = await connect();
  await (await take('first')).release();
  redis.children[0]!.disconnect();
  await once(redis.children[0]!, 'close');
  await until(() => redis.children[0]!.status === 'ready', { what: 'the connection to be back' });
  await (await take('second')).release();
});

it('comes back when it was cut, also if the user wants none to', async () => {
  const { redis, take } = await connect({ retryStrategy: () => null });
  await (await take('first')).release();
  redis.children[0]!.stream.destroy();
  await once(redis.children[0]!, 'close');
  await until(() => redis.children[0]!.status === 'ready', { what: 'the connection to be back' });
  await (await take('second')).release();
});

it('ends with the connection of the user, and comes back with it', async () => {
  const { redis, take } = await connect();
  await take('first');
  await redis.quit();
  await until(() => redis.children.every(({ status }) => status === 'end'), { what: 'the end' });
  await redis.connect();
  await (await take('second')).release();
});

it('waits until it is open, also if the user wants no queue', async () => {
  const { take } = await connect({ enableOfflineQueue: false });
  await (await take('first')).release();
});

it.each<OwnOptions>([{ commandTimeout: 100 }, { socketTimeout: 100 }])(
  'waits for replicas as long as it shall, also if the user has no patience: %o',
  async (options) => {
    const { take } = await connect(options, { count: 2, timeout: 500 });
    await expect(take('first')).rejects.toBeInstanceOf(ReplicationError);
  },
);

it('confirms in the database that the user has chosen, whenever that was', async () => {
  const { redis, take } = await connect();
  await redis.select(3);
  await (await take('first')).release();
  await redis.select(4);
  await (await take('second')).release();
});

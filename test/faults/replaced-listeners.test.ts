import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { LockClient, type LockError } from '../../src/index.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

const TTL = 60_000;
const WAIT = 20_000;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

it.each([1, 2])(
  'row 12: who listens where the master was before takes nothing that it hears there for a grant (capacity %i)',
  async (capacity) => {
    const master = await startRedis();
    const before = await startRedis();
    const subscriber = new Redis(before.url);
    const redis = new Redis(master.url);
    const split = new SplitRedis({ commands: master.port, subscriber: before.port });
    const client = new LockClient(split);
    const others = new LockClient(redis);
    endings.push(
      () => master.stop(),
      () => before.stop(),
      ...[subscriber, redis, split].map((connection) => () => connection.disconnect()),
      () => others.close(),
      () => client.close(),
    );
    await subscriber.call('REPLICAOF', master.host, String(master.port));
    await until(async () => (await subscriber.info('replication')).includes('master_link_status:up'), {
      what: 'the replica',
    });
    const options = { capacity, units: capacity };
    const creator = others.creator('moved', options);
    const holder = await creator.acquire(TTL);
    const outcomes: string[] = [];
    const waiting = client
      .creator('moved', options)
      .acquire(TTL, WAIT)
      .then(
        () => outcomes.push('granted'),
        (error: LockError) => outcomes.push(error.code),
      );
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
    await holder.release();
    const next = await creator.acquire(TTL);
    // What the master has published goes to its replica, in its order.
    const heard: string[] = [];
    subscriber.on('smessage', (channel: string) => heard.push(channel));
    await subscriber.ssubscribe('mark');
    await redis.spublish('mark', 'all before this has been heard');
    await until(() => heard.length > 0, { what: 'the mark' });
    expect(await split.ping()).toBe('PONG');
    expect(outcomes).toEqual([]);
    expect((await creator.inspect()).holders.map(({ owner }) => owner)).toEqual([next.owner]);
    await client.close();
    await waiting;
    expect(outcomes).toEqual(['ERR_LOCK_CLOSED']);
  },
);

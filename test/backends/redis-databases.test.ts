import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { recordCommands } from '../support/commands.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

// Keys belong to a database of the server, channels to all of it: what happens in one database must not count in another.

// Safety nets are longer than any test here may take: who learns of something was told.
const TTL = 30_000;

let server: RedisServer;
let here: LockClient;
let neighbour: LockClient;
let elsewhere: LockClient;
beforeEach(async () => {
  server = await startRedis();
  here = new LockClient(`${server.url}/1`);
  neighbour = new LockClient(`${server.url}/1`);
});
afterEach(async () => {
  await Promise.all([here, neighbour, elsewhere].map((client) => client.close()));
  await server.stop();
});

/** Until so many waits have seen their counters, and go by what they are told from then on. */
async function looks(recorder: Awaited<ReturnType<typeof recordCommands>>, count: number): Promise<void> {
  let seen = 0;
  const enough = async () => {
    seen += (await recorder.take()).filter(({ text }) => text.endsWith('"read"')).length;
    return seen >= count;
  };
  await until(enough, { what: 'the looks' });
  recorder.close();
}

for (const database of [0, 2]) {
  it.each([1, 2])(
    `a watch hears of its own database, and not of ${database} (capacity %i)`,
    async (capacity) => {
      elsewhere = new LockClient(`${server.url}/${database}`);
      const states = here.creator('same', { capacity }).watch();
      const others = elsewhere.creator('same', { capacity }).watch();
      await Promise.all([states.next(), others.next()]);
      const theirs = await elsewhere.creator('same', { capacity }).acquire(TTL);
      expect((await others.next()).value?.holders).toMatchObject([{ owner: theirs.owner }]);
      const ours = await neighbour.creator('same', { capacity }).acquire(TTL);
      expect((await states.next()).value?.holders).toMatchObject([{ owner: ours.owner }]);
      await states.return?.();
      await others.return?.();
    },
  );

  it.each(['decrement', 'delete'] as const)(
    `a wait for a counter hears of its own database, and not of a %s in ${database}`,
    async (step) => {
      elsewhere = new LockClient(`${server.url}/${database}`);
      const [counter, theirs] = [here, elsewhere].map((client) => client.counter('same', { ttl: TTL }));
      await Promise.all([counter!.set(5), theirs!.set(1)]);
      const probe = neighbour.counter('probe', { ttl: TTL });
      await probe.set(1);
      const recorder = await recordCommands(server);
      let ended = false;
      const waiting = counter!.wait().finally(() => {
        ended = true;
      });
      const probing = here.counter('probe', { ttl: TTL }).wait();
      await looks(recorder, 2);
      await (step === 'delete' ? theirs!.delete() : theirs!.decrement());
      // Whoever is told of this one has been told of all that was said before.
      await probe.decrement();
      await probing;
      expect(ended).toBe(false);
      await neighbour.counter('same', { ttl: TTL }).decrement(5);
      await waiting;
    },
  );
}

it('a client is in the database that its connection had chosen before', async () => {
  const redis = new Redis(server.url);
  await redis.select(1);
  elsewhere = new LockClient(redis);
  const states = elsewhere.creator('same').watch();
  await states.next();
  const lock = await here.creator('same').acquire(TTL);
  expect((await states.next()).value?.holders).toMatchObject([{ owner: lock.owner }]);
  await states.return?.();
  redis.disconnect();
});

it('a select after the client was made is warned of, once, and locks are where it leads', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => {
    if ('code' in warning && warning.code === 'BATON_SELECT') warnings.push(warning);
  };
  process.on('warning', note);
  const redis = new Redis(`${server.url}/2`);
  try {
    elsewhere = new LockClient(redis);
    await redis.select(2);
    await redis.select(1);
    await redis.select(3);
    await redis.select(1);
    await elsewhere.creator('same').acquire(TTL);
    expect(await here.creator('same').tryAcquire(TTL)).toBeNull();
    expect(warnings).toMatchObject([{ name: 'BatonlockWarning' }]);
    expect(warnings[0]?.message).toContain(`${server.host}:${server.port} has gone from database 2 to 1`);
    await elsewhere.close();
    expect(redis.listenerCount('select')).toBe(0);
  } finally {
    process.off('warning', note);
    redis.disconnect();
  }
});

it('who is still in its database is not warned, also when the connection was cut', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const redis = new Redis(server.url);
  try {
    await redis.select(1);
    elsewhere = new LockClient(redis);
    let selects = 0;
    redis.on('select', () => {
      selects += 1;
    });
    await neighbour.creator('same').acquire(TTL);
    redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => {});
    await until(() => selects > 0, { what: 'the database to be selected anew' });
    expect(await elsewhere.creator('same').tryAcquire(TTL)).toBeNull();
    expect(warnings).toEqual([]);
  } finally {
    process.off('warning', note);
    redis.disconnect();
  }
});

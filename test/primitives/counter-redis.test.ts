import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockBackendError, LockClient, LockClosedError, redisBackend } from '../../src/index.ts';
import { countScript } from '../../src/redis/scripts/count.ts';
import { type CommandRecorder, countByName, recordCommands } from '../support/commands.ts';
import { ownRedis } from '../support/own-redis.ts';
import { until } from '../support/wait.ts';

const TTL = 60_000;
const RETENTION = 90_000;
const script = countScript({ retentionMs: RETENTION, eventsOfKey: ':events' });
const KEY = 'baton:{batch}:counter';

const { server, redis } = await ownRedis();
let client: LockClient;
beforeEach(async () => {
  await redis.flushall();
  await redis.script('LOAD', script.lua);
  client = new LockClient(redisBackend(server.url, { clientName: 'me', fenceRetention: RETENTION }));
});
afterEach(() => client.close());

const channels = () => redis.pubsub('SHARDCHANNELS', '*:counter:events') as Promise<string[]>;
const subscribed = () => until(async () => (await channels()).length === 1, { what: 'the subscription' });
const sent = (record: Awaited<ReturnType<CommandRecorder['take']>>) =>
  record.filter(({ text }) => text.includes(script.sha));

describe('the data of a counter', () => {
  it('is a key of its digits for the TTL, and for each client that has changed it the latest request', async () => {
    const counter = client.counter('batch', { ttl: TTL });
    await counter.get();
    expect(await redis.keys('*')).toEqual([]);
    await counter.set(7);
    await counter.decrement(2);
    await counter.get();
    expect(await redis.get(KEY)).toBe('5');
    const ttl = await redis.pttl(KEY);
    expect(ttl).toBeGreaterThan(TTL - 5_000);
    expect(ttl).toBeLessThanOrEqual(TTL);
    const [request = '', ...others] = (await redis.keys('*')).filter((key) => key !== KEY);
    expect(request).toMatch(/^baton:\{batch\}:counter:me\.\d+\.[0-9a-f]{12}$/);
    expect(others).toEqual([]);
    expect(await redis.get(request)).toBe('2 7');
    expect(await redis.pttl(request)).toBeGreaterThan(RETENTION - 5_000);
    expect(await redis.pttl(request)).toBeLessThanOrEqual(RETENTION);
    await counter.delete();
    expect(await redis.keys('*')).toEqual([request]);
  });

  it('lasts for the TTL after each change, and no longer for being read or for what was refused', async () => {
    const counter = client.counter('batch', { ttl: TTL });
    await counter.set(5);
    const changes = {
      set: () => counter.set(5),
      increment: () => counter.increment(),
      decrement: () => counter.decrement(),
      nothing: () => counter.decrement(0),
    };
    for (const [name, change] of Object.entries(changes)) {
      await redis.pexpire(KEY, 5_000);
      await change();
      expect(await redis.pttl(KEY), name).toBeGreaterThan(TTL - 5_000);
    }
    const brief = client.counter('batch', { ttl: 4_000 });
    await Promise.all([counter.decrement(), brief.decrement()]);
    expect(await redis.pttl(KEY)).toBeLessThanOrEqual(4_000);
    await Promise.all([brief.increment(), counter.increment()]);
    expect(await redis.pttl(KEY)).toBeGreaterThan(TTL - 5_000);
    await redis.pexpire(KEY, 5_000);
    await counter.get();
    await expect(counter.increment(Number.MAX_SAFE_INTEGER)).rejects.toThrow('up by');
    expect(await redis.pttl(KEY)).toBeLessThanOrEqual(5_000);
    expect(await redis.get(KEY)).toBe('5');
  });

  const foreign: Record<string, (key: string) => Promise<unknown>> = {
    'a list': (key) => redis.lpush(key, 'mine'),
    'a hash': (key) => redis.hset(key, 'value', '1'),
    'a text': (key) => redis.set(key, 'mine'),
    'nothing at all': (key) => redis.set(key, ''),
    'a negative number': (key) => redis.set(key, '-5'),
    'a number with a fraction': (key) => redis.set(key, '1.5'),
    'a number with a zero in front': (key) => redis.set(key, '007'),
    'a number that is not exact': (key) => redis.set(key, '9007199254740992'),
    'no number': (key) => redis.set(key, 'nan'),
  };

  it.each(Object.keys(foreign))(
    'is a typed error and stays untouched when it is foreign: %s',
    async (kind) => {
      await foreign[kind]!(KEY);
      const before = await redis.dump(KEY);
      const counter = client.counter('batch', { ttl: TTL });
      const calls = [
        () => counter.set(1),
        () => counter.increment(),
        () => counter.decrement(),
        () => counter.get(),
        () => counter.delete(),
        () => counter.wait(),
      ];
      for (const call of calls) {
        const error: unknown = await call().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(LockBackendError);
        expect(error).toMatchObject({ reason: 'foreign', retryable: false, lockName: 'batch' });
      }
      expect(await redis.dump(KEY)).toEqual(before);
      expect(await redis.keys('*')).toEqual([KEY]);
      expect(await channels()).toEqual([]);
    },
  );
});

describe('a request', () => {
  const run = (...args: (string | number)[]) => redis.eval(script.lua, 2, KEY, `${KEY}:me`, ...args);

  it('counts once, however often it arrives, and not any more when a later one has', async () => {
    const request = [8, 'set', 5, TTL, 1, 'decrement', 1, TTL, 2] as const;
    for (let time = 0; time < 3; time++) expect(await run(...request)).toBe('-1');
    expect(await redis.get(KEY)).toBe('3');
    expect(await run(10, 'decrement', 1, TTL, 1)).toBe('3');
    expect(await run(9, 'decrement', 1, TTL, 1)).toBe('stale');
    expect(await run(10, 'decrement', 1, TTL, 1)).toBe('3');
    expect(await redis.get(KEY)).toBe('2');
  });

  it('answers the same when the counter has gone meanwhile, and does not bring it back', async () => {
    await redis.set(KEY, '1');
    expect(await run(1, 'increment', 1, TTL, 1)).toBe('1');
    await redis.del(KEY);
    expect(await run(1, 'increment', 1, TTL, 1)).toBe('1');
    expect(await redis.exists(KEY)).toBe(0);
  });

  it('says once that it came to 0 or is gone, the first of the two, and nothing else', async () => {
    const spy = new Redis(server.url);
    const messages: string[] = [];
    spy.on('smessage', (_, text: string) => messages.push(text.split(' ')[1]!));
    // Until it is ready, an ioredis of RESP2 asks for INFO, which a subscriber must not.
    await spy.ping();
    await spy.ssubscribe(`${KEY}:events`);
    const counter = client.counter('batch', { ttl: TTL });
    const together = (...calls: Promise<unknown>[]) => Promise.all(calls);
    await together(counter.set(3), counter.decrement());
    await together(counter.decrement(2), counter.decrement(), counter.set(5));
    await together(counter.delete(), counter.set(0), counter.decrement());
    await together(counter.set(0), counter.decrement(), counter.increment());
    await together(counter.decrement(), counter.delete());
    await counter.delete();
    await counter.increment(0);
    await redis.spublish(`${KEY}:events`, 'end end');
    await until(() => messages.includes('end'), { what: 'all messages' });
    expect(messages).toEqual(['0', '-1', '0', '0', 'end']);
    spy.disconnect();
  });

  it('is refused as a whole when its user may not tell those who wait', async () => {
    await redis.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '+@all', 'resetchannels', '&*:inbox:*');
    const mute = new Redis(server.port, { username: 'mute', password: 'secret' });
    await using muted = new LockClient(mute);
    const counter = muted.counter('batch', { ttl: TTL });
    await counter.set(2);
    expect(await counter.decrement()).toBe(1);
    const data = async () => Promise.all((await redis.keys('*')).sort().map((key) => redis.get(key)));
    const before = await data();
    const error: unknown = await counter.decrement().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'denied', lockName: 'batch' });
    expect(String(error)).toContain(`+spublish and the channel &${KEY}:events`);
    expect(await data()).toEqual(before);
    await expect(counter.wait()).rejects.toMatchObject({ reason: 'denied' });
    mute.disconnect();
  });
});

it('a backend that is closed answers nobody any more, and leaves nobody waiting', async () => {
  const backend = redisBackend(server.url);
  const counter = new LockClient(backend).counter('batch', { ttl: TTL });
  await counter.set(5);
  const pending = [counter.wait(), counter.decrement()].map((promise) =>
    promise.catch((error: unknown) => error),
  );
  const closing = backend.close();
  for (const end of await Promise.all(pending)) expect(end).toBeInstanceOf(LockClosedError);
  for (const call of [counter.wait(), counter.get(), counter.set(1)]) {
    await expect(call).rejects.toThrow(LockClosedError);
  }
  await closing;
});

describe('what it costs', () => {
  it('is one command for a crowd of changes, and none for those who wait but the first look', async () => {
    const counter = client.counter('batch', { ttl: TTL });
    await counter.set(1_000);
    await using recorder = await recordCommands(server);
    const waits = Promise.all(Array.from({ length: 1_000 }, () => counter.wait()));
    waits.catch(() => {});
    await subscribed();
    await until(async () => sent(await recorder.take()).length === 1, { what: 'the look' });
    const left = await Promise.all(Array.from({ length: 1_000 }, () => counter.decrement()));
    expect(left).toEqual(Array.from({ length: 1_000 }, (_, done) => 999 - done));
    await waits;
    await until(async () => (await channels()).length === 0, { what: 'the end of the subscription' });
    const commands = await recorder.take();
    expect(sent(commands)).toHaveLength(1);
    expect(countByName(commands).sunsubscribe).toBe(1);
  });

  it('is a look for each TTL while changes put the end off', async () => {
    const counter = client.counter('batch', { ttl: 400 });
    await counter.set(1_000_000);
    await using recorder = await recordCommands(server);
    const waits = Array.from({ length: 100 }, () => counter.wait().catch((error: unknown) => error));
    const end = performance.now() + 1_600;
    await until(async () => (await counter.decrement()) > 0 && performance.now() > end, {
      what: 'four TTLs',
    });
    const looks = sent(await recorder.take()).filter(({ text }) => text.endsWith('"read"'));
    expect(looks.length).toBeGreaterThanOrEqual(3);
    expect(looks.length).toBeLessThanOrEqual(8);
    await counter.set(0);
    expect(new Set(await Promise.all(waits))).toEqual(new Set([undefined]));
  });
});

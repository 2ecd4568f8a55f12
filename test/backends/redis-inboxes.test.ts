import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Inbox } from '../../src/redis/inbox.ts';
import { InboxPerName } from '../../src/redis/inboxes.ts';
import { Subscriber } from '../../src/redis/subscriber.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

let server: RedisServer;
let redis: Redis;
let subscriber: Subscriber;
let clock: ManualClock;
let inboxes: InboxPerName;
beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  subscriber = new Subscriber(redis, systemClock);
  clock = new ManualClock();
  const deaf = { received: () => {}, restored: () => {} };
  inboxes = new InboxPerName(clock, (name) => new Inbox(subscriber, name, deaf));
});
afterEach(async () => {
  inboxes.close();
  subscriber.close();
  redis.disconnect();
  await server.stop();
});

async function channels(): Promise<string[]> {
  return ((await redis.pubsub('SHARDCHANNELS')) as string[]).sort();
}

it('opens one inbox for each name, and drops it when nobody has used it for 10 s', async () => {
  for (const name of ['used', 'idle']) {
    expect(inboxes.opened(name)).toBe(false);
    await inboxes.open(name);
    expect(inboxes.opened(name)).toBe(true);
    inboxes.enter(name);
  }
  inboxes.leave('idle');
  expect(await channels()).toEqual(['idle', 'used']);
  await clock.advance(30_000);
  await until(async () => (await channels()).join() === 'used', { what: 'the idle one to be dropped' });
  expect([inboxes.opened('idle'), inboxes.opened('used')]).toEqual([false, true]);
  inboxes.leave('used');
  await clock.advance(9_000);
  expect(inboxes.opened('used')).toBe(true);
  await clock.advance(20_000);
  await until(async () => (await channels()).length === 0, { what: 'both to be dropped' });
  expect(clock.pending).toBe(0);
});

it('is not dropped while it is being opened, however long that takes', async () => {
  await server.pause();
  const opening = inboxes.open('slow');
  await clock.advance(60_000);
  await server.resume();
  await opening;
  expect(inboxes.opened('slow')).toBe(true);
  expect(await channels()).toEqual(['slow']);
});

it('is heard again when it is opened at once after it was dropped', async () => {
  await inboxes.open('again');
  await clock.advance(30_000);
  expect(inboxes.opened('again')).toBe(false);
  await inboxes.open('again');
  expect(await channels()).toEqual(['again']);
});

import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answers, says } from './ask.ts';
import { type SentinelGroup, startSentinel } from './sentinel.ts';
import { until } from './wait.ts';

let group: SentinelGroup;

beforeAll(async () => {
  group = await startSentinel();
});
afterAll(async () => {
  await group.stop();
  for (const watcher of group.watchers) expect(await answers(watcher)).toBe(false);
});

it('leads a client to the master, whose writes reach the replicas', async () => {
  const redis = new Redis({ sentinels: group.sentinels, name: group.name });
  await redis.set('key', 'value');
  expect(redis.stream.remotePort).toBe(group.master.port);
  redis.disconnect();
  for (const replica of group.replicas) {
    await until(() => says(replica, 'GET key', /value/), { what: 'replication' });
  }
});

it('makes a replica the master when the master dies', async () => {
  await group.master.kill();
  expect(group.replicas).toContain(await group.masterOtherThan(group.master));
});

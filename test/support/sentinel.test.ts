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
  expect(await answers(group.sentinel)).toBe(false);
});

it('leads a client to the master, whose writes reach the replica', async () => {
  const redis = new Redis({ sentinels: group.sentinels, name: group.name });
  await redis.set('key', 'value');
  expect(redis.stream.remotePort).toBe(group.master.port);
  redis.disconnect();
  await until(() => says(group.replica, 'GET key', /value/), { what: 'replication' });
});

it('makes the replica the master when the master dies', async () => {
  await group.master.kill();
  await until(() => says(group.replica, 'ROLE', /master/), {
    what: 'the failover',
    timeout: 20_000,
  });
});

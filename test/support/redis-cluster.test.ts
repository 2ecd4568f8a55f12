import { Cluster } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answers } from './ask.ts';
import { type RedisCluster, startRedisCluster } from './redis-cluster.ts';
import { until } from './wait.ts';

let cluster: RedisCluster;
let client: Cluster;

beforeAll(async () => {
  cluster = await startRedisCluster();
  client = new Cluster(cluster.nodes);
});
afterAll(async () => {
  client.disconnect();
  await cluster.stop();
  for (const server of cluster.servers) expect(await answers(server)).toBe(false);
});

it('spreads the keys over its masters', async () => {
  const masters = new Set<unknown>();
  for (let index = 0; index < 50; index++) masters.add(await cluster.masterOf(`key-${index}`));
  expect(masters.size).toBe(3);
});

it('moves a slot and what is in it', async () => {
  await client.set('moved', 'value');
  const from = await cluster.masterOf('moved');
  const to = cluster.servers.slice(0, 3).find((server) => server !== from);
  if (!to) throw new Error('there is one master only');
  await cluster.move('moved', to);
  expect(await cluster.masterOf('moved')).toBe(to);
  expect(await client.get('moved')).toBe('value');
});

it('makes a replica the master when its master dies', async () => {
  const master = await cluster.masterOf('orphan');
  await master.kill();
  await until(async () => (await cluster.masterOf('orphan')) !== master, {
    what: 'the failover',
    timeout: 20_000,
  });
  await client.set('orphan', 'value');
  expect(await client.get('orphan')).toBe('value');
});

import { describe, expect, it } from 'vitest';
import { backendFromUrl, LockClient } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { recordCommands } from '../support/commands.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import type { FromConsumers, ToConsumers } from './counting.client.ts';

const PROCESSES = 4;
const CONSUMERS = 1_000;
const ITEMS = 100_000;
const NAME = 'batch';

describe.each([
  {
    title: 'Redis',
    async start() {
      const server = await startRedis();
      return { url: server.url, server, stop: () => server.stop() };
    },
  },
  {
    title: 'Redis Cluster',
    async start() {
      const cluster = await startRedisCluster();
      const hosts = cluster.nodes.map(({ host, port }) => `${host}:${port}`);
      const server = await cluster.masterOf(`{${NAME}}`);
      return { url: `redis+cluster://${hosts}`, server, stop: () => cluster.stop() };
    },
  },
])('$title: 1 000 consumers in 4 processes work off 100 000 items', ({ start }) => {
  it('each item counts once, all who wait are released, and few commands do it', async () => {
    const { url, server, stop } = await start();
    const file = new URL('./counting.client.ts', import.meta.url);
    const processes = Array.from({ length: PROCESSES }, () =>
      spawnClient<FromConsumers, ToConsumers>(file, { args: [url] }),
    );
    const client = new LockClient(await backendFromUrl(url));
    try {
      const counter = client.counter(NAME, { ttl: 60_000 });
      await counter.set(ITEMS);
      for (const consumers of processes) await consumers.next('ready');
      await using recorder = await recordCommands(server);
      const waiting = counter.wait(120_000);
      for (const consumers of processes) {
        consumers.send({
          type: 'go',
          name: NAME,
          consumers: CONSUMERS / PROCESSES,
          items: ITEMS / CONSUMERS,
        });
      }
      await waiting;
      const results = await Promise.all(processes.map((consumers) => consumers.next('done', 120_000)));
      const left = results.flatMap((result) => result.left).sort((a, b) => a - b);
      expect(left).toHaveLength(ITEMS);
      expect(left.findIndex((value, place) => value !== place)).toBe(-1);
      expect(results.map(({ released }) => released)).toEqual(Array(PROCESSES).fill(CONSUMERS / PROCESSES));
      expect(await counter.get()).toBe(0);
      const sent = (await recorder.take()).filter(({ text }) => text.includes(scripts.count.sha));
      // One look for each client that waits, and this test's; a request for as many items as there are consumers in a process.
      expect(sent.filter(({ text }) => text.endsWith('"read"')).length).toBeLessThanOrEqual(PROCESSES + 2);
      expect(sent.length).toBeLessThan(ITEMS / 50);
    } finally {
      await client.close();
      for (const consumers of processes) await consumers.stop();
      await stop();
    }
  }, 180_000);
});

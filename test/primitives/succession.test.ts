import { describe, expect, it } from 'vitest';
import { backendFromUrl, LockClient } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { startEtcd } from '../support/etcd.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { startSentinel } from '../support/sentinel.ts';
import { timely, until } from '../support/wait.ts';
import type { FromLeader } from './leader.client.ts';

/** How long after the TTL a leader that is killed may be without a successor. */
const WITHIN_MS = 250;
/** etcd looks for leases that have run out twice a second. */
const WITHIN_MS_ON_ETCD = 1_000;

interface Servers {
  /** What clients are told. */
  readonly url: string;
  stop(): Promise<unknown>;
}

interface Engine {
  readonly title: string;
  readonly ttl: number;
  readonly withinMs?: number;
  start(): Promise<Servers>;
}

const placesOf = (servers: readonly { host: string; port: number }[]): string =>
  servers.map(({ host, port }) => `${host}:${port}`).join();

const ENGINES: readonly Engine[] = [
  { title: 'Redis', ttl: 1_000, start: startRedis },
  {
    title: 'Redis behind Sentinel',
    ttl: 1_000,
    async start() {
      const { name, sentinels, stop } = await startSentinel();
      return { url: `redis+sentinel://${placesOf(sentinels)}/${name}`, stop };
    },
  },
  {
    title: 'Redis Cluster',
    ttl: 1_000,
    async start() {
      const cluster = await startRedisCluster({ replicas: 0 });
      return { url: `redis+cluster://${placesOf(cluster.servers)}`, stop: () => cluster.stop() };
    },
  },
  {
    title: 'Redlock of 3 servers',
    ttl: 1_000,
    async start() {
      const servers = await Promise.all(Array.from({ length: 3 }, () => startRedis()));
      return {
        url: `redlock://${placesOf(servers)}`,
        stop: () => Promise.all(servers.map((server) => server.stop())),
      };
    },
  },
  // It tells what is left of a lease in whole seconds: with this TTL a refresh shows.
  { title: 'etcd', ttl: 5_000, withinMs: WITHIN_MS_ON_ETCD, start: startEtcd },
];

describe.each(ENGINES)('on $title', ({ ttl, withinMs = WITHIN_MS, start }) => {
  it(`a leader that is killed is replaced within its TTL and ${withinMs} ms`, async () => {
    const servers = await start();
    const client = new LockClient(await backendFromUrl(servers.url));
    try {
      const file = new URL('./leader.client.ts', import.meta.url);
      await using child = spawnClient<FromLeader>(file, { args: [servers.url, 'boss', String(ttl)] });
      const first = await child.next('leads');
      const waiting = client.election('boss').campaign({ ttl });
      const creator = client.creator('boss');
      await until(async () => (await creator.inspect()).waiters === 1, { what: 'the candidate' });
      expect(await creator.owner()).toBe(first.owner);
      // Killed at once after a refresh, which is the worst that can be.
      let lowest = ttl;
      const refreshed = async () => {
        const left = (await creator.inspect()).holders[0]!.remainingTtl;
        lowest = Math.min(lowest, left);
        return left > lowest + ttl / 10;
      };
      await until(refreshed, { what: 'a refresh' });
      child.kill();
      const { error, late } = await timely(ttl + withinMs, () => waiting);
      expect(error).toBeUndefined();
      const second = await waiting;
      expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
      expect(late).toBe(false);
      await second.resign();
    } finally {
      await client.close();
      await servers.stop();
    }
  }, 120_000);
});

import { randomUUID } from 'node:crypto';
import { Etcd3 } from 'etcd3';
import { Cluster, Redis } from 'ioredis';
import { etcdBackend } from '../../src/etcd/backend.ts';
import type { LockBackend } from '../../src/index.ts';
import { memoryBackend, redisBackend, redlockBackend } from '../../src/index.ts';
import { startEtcd } from '../support/etcd.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { startSentinel } from '../support/sentinel.ts';

/** A running engine: clients of one and the same set of locks. */
export interface Fixture {
  /** A backend as one process has it; for engines with a server, on connections of its own. */
  connect(): LockBackend;
  stop(): Promise<void>;
}

/** One engine that the suite runs over. */
export interface Engine {
  readonly title: string;
  /** The folder of `src` that it stands for. */
  readonly folder: string;
  start(): Promise<Fixture>;
}

/** Every engine of the library. The suite fails when a folder of `src` with a backend is missing here. */
export const ENGINES: readonly Engine[] = [
  {
    title: 'memory',
    folder: 'memory',
    async start() {
      const space = randomUUID();
      return { connect: () => memoryBackend({ space }), stop: async () => {} };
    },
  },
  {
    title: 'row 47: Redis with RESP3 where ioredis has it',
    folder: 'redis',
    async start() {
      const server = await startRedis();
      return { connect: () => redisBackend(server.url), stop: () => server.stop() };
    },
  },
  {
    title: 'row 47: Redis with RESP2, through a connection of the user, with a key prefix',
    folder: 'redis',
    async start() {
      const server = await startRedis();
      const connections: Redis[] = [];
      return {
        connect() {
          const redis = new Redis(server.url, { protocol: 2, keyPrefix: 'app:' });
          connections.push(redis);
          return redisBackend(redis);
        },
        async stop() {
          for (const redis of connections) redis.disconnect();
          await server.stop();
        },
      };
    },
  },
  {
    title: 'Redis behind Sentinel',
    folder: 'redis',
    async start() {
      const { name, sentinels, stop } = await startSentinel();
      const connections: Redis[] = [];
      return {
        connect() {
          const redis = new Redis({ sentinels, name });
          connections.push(redis);
          return redisBackend(redis);
        },
        async stop() {
          for (const redis of connections) redis.disconnect();
          await stop();
        },
      };
    },
  },
  {
    title: 'Redis Cluster',
    folder: 'redis',
    async start() {
      const cluster = await startRedisCluster();
      const connections: Cluster[] = [];
      return {
        connect() {
          const connection = new Cluster(cluster.nodes, { keyPrefix: 'app:' });
          connections.push(connection);
          return redisBackend(connection);
        },
        async stop() {
          for (const connection of connections) connection.disconnect();
          await cluster.stop();
        },
      };
    },
  },
  ...[3, 5].map((count) => ({
    title: `Redlock of ${count} servers`,
    folder: 'redlock',
    async start() {
      const servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
      return {
        connect: () => redlockBackend(servers.map(({ url }) => url)),
        async stop() {
          await Promise.all(servers.map((server) => server.stop()));
        },
      };
    },
  })),
  {
    title: 'etcd',
    folder: 'etcd',
    async start() {
      const etcd = await startEtcd();
      return { connect: () => etcdBackend(etcd.url), stop: () => etcd.stop() };
    },
  },
  {
    title: 'etcd with three members, through a client of the user',
    folder: 'etcd',
    async start() {
      const etcd = await startEtcd({ members: 3 });
      const clients: Etcd3[] = [];
      return {
        connect() {
          const client = new Etcd3({ hosts: etcd.urls });
          clients.push(client);
          return etcdBackend(client, { prefix: '' });
        },
        async stop() {
          for (const client of clients) client.close();
          await etcd.stop();
        },
      };
    },
  },
];

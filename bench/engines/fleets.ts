import { startEtcd } from '../../test/support/etcd.ts';
import { startRedisCluster } from '../../test/support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { EtcdMeter, type Meter, RedisMeter } from './meter.ts';

/** The servers of one engine, running. */
export interface Fleet {
  /** What clients are told. */
  readonly url: string;
  /** One server that can be asked for a bare round trip; none of etcd. */
  readonly bareUrl: string | undefined;
  readonly meters: readonly Meter[];
  stop(): Promise<void>;
}

export interface EngineCase {
  readonly id: string;
  start(): Promise<Fleet>;
}

/** The engines that are compared. */
export const ENGINE_CASES: readonly EngineCase[] = [
  { id: 'Redis', start: async () => redisFleet('redis', [await startRedis()]) },
  { id: 'Redis Cluster, 3 masters', start: () => clusterFleet(3) },
  { id: 'Redlock, 3 servers', start: () => redlockFleet(3) },
  { id: 'Redlock, 5 servers', start: () => redlockFleet(5) },
  { id: 'etcd, 1 member', start: () => etcdFleet(1) },
  { id: 'etcd, 3 members', start: () => etcdFleet(3) },
];

export async function clusterFleet(masters: number): Promise<Fleet> {
  const cluster = await startRedisCluster({ masters, replicas: 0 });
  return redisFleet('redis+cluster', cluster.servers, () => cluster.stop());
}

async function redlockFleet(size: number): Promise<Fleet> {
  return redisFleet('redlock', await Promise.all(Array.from({ length: size }, () => startRedis())));
}

function redisFleet(
  scheme: string,
  servers: readonly RedisServer[],
  stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  },
): Fleet {
  const meters = servers.map((server) => new RedisMeter(server));
  return {
    url: `${scheme}://${servers.map(({ host, port }) => `${host}:${port}`).join()}`,
    bareUrl: servers[0]?.url,
    meters,
    async stop() {
      for (const meter of meters) meter.close();
      await stop();
    },
  };
}

async function etcdFleet(members: 1 | 3): Promise<Fleet> {
  const cluster = await startEtcd({ members });
  return {
    url: cluster.url,
    bareUrl: undefined,
    meters: cluster.urls.map((url) => new EtcdMeter(url)),
    stop: () => cluster.stop(),
  };
}

import type { Arena } from './arenas/arena.ts';
import { clusterArena } from './arenas/cluster.ts';
import { etcdArena } from './arenas/etcd.ts';
import { memoryArena } from './arenas/memory.ts';
import { redisArena } from './arenas/redis.ts';
import { redlockArena } from './arenas/redlock.ts';
import { sentinelArena } from './arenas/sentinel.ts';
import type { Workers } from './client.ts';

export interface ChaosEngine {
  readonly start: (clients: number) => Arena | Promise<Arena>;
  /** How many client processes, and workers in each. */
  readonly clients: number;
  readonly workers: Workers;
  /** A client that is killed takes no locks along. */
  readonly survivesClients: boolean;
}

const SERVED = { clients: 8, workers: { varied: 6, brisk: 4 }, survivesClients: true };

export const ENGINES = {
  redis: { ...SERVED, start: redisArena },
  sentinel: { ...SERVED, start: sentinelArena },
  cluster: { ...SERVED, start: clusterArena },
  redlock: { ...SERVED, start: redlockArena },
  etcd: { ...SERVED, start: etcdArena },
  memory: { clients: 1, workers: { varied: 48, brisk: 2 }, survivesClients: false, start: memoryArena },
} as const satisfies Record<string, ChaosEngine>;

export type EngineName = keyof typeof ENGINES;

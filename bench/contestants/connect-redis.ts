import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { ConnectOptions } from './contestant.ts';

/** The ioredis connection that a contestant is given. */
export async function connectRedis(url: string, { autoPipelining }: ConnectOptions): Promise<Redis> {
  const redis = new Redis(url, { enableAutoPipelining: autoPipelining });
  await once(redis, 'ready');
  return redis;
}

export async function closeRedis(redis: Redis): Promise<void> {
  const ended = once(redis, 'end');
  redis.disconnect();
  await ended;
}

import { Redis } from 'ioredis';
import type { RedisServer } from '../../support/redis-server.ts';

/** Keys that would stay for ever. */
export async function keysWithoutTtl(servers: readonly RedisServer[]): Promise<string[]> {
  const found = await Promise.all(servers.map(inOne));
  return found.flat();
}

async function inOne({ url, port }: RedisServer): Promise<string[]> {
  const redis = new Redis(url);
  try {
    // A replica has what its master has.
    if (((await redis.role()) as unknown[])[0] !== 'master') return [];
    const keys = await redis.keys('*');
    const ttls = await Promise.all(keys.map((key) => redis.pttl(key)));
    return keys.filter((_, index) => ttls[index] === -1).map((key) => `${key} has no TTL (port ${port})`);
  } finally {
    redis.disconnect();
  }
}

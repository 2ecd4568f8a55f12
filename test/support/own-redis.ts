import { Redis } from 'ioredis';
import { afterAll } from 'vitest';
import { type RedisServer, startRedis } from './redis-server.ts';

/** A server for one test file, and a connection to it; both end after its last test. */
export async function ownRedis(): Promise<{ readonly server: RedisServer; readonly redis: Redis }> {
  const server = await startRedis();
  const redis = new Redis(server.url);
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  return { server, redis };
}

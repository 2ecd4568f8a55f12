import { createClient } from 'redis';
import { lock } from 'simple-redis-mutex';
import type { Connect } from './contestant.ts';

export const connect: Connect = async (url) => {
  const redis = createClient({ url });
  redis.on('error', () => {});
  await redis.connect();
  return {
    acquire: async (name, ttlMs, waitMs) => {
      const release = await lock(redis, name, { timeout: ttlMs, failAfter: waitMs });
      return { fencingToken: release.fencingToken, release };
    },
    close: async () => redis.destroy(),
  };
};

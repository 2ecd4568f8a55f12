import { Verrou } from '@verrou/core';
import { redisStore } from '@verrou/core/drivers/redis';
import { closeRedis, connectRedis } from './connect-redis.ts';
import { type Connect, RETRY_MS } from './contestant.ts';

export const connect: Connect = async (url, options) => {
  const redis = await connectRedis(url, options);
  const verrou = new Verrou({
    default: 'redis',
    stores: { redis: { driver: redisStore({ connection: redis }) } },
  });
  return {
    acquire: async (name, ttlMs, waitMs) => {
      const lock = verrou.createLock(name, ttlMs);
      const taken = await lock.acquire({ retry: { delay: RETRY_MS, timeout: waitMs } });
      if (!taken) throw new Error(`${name} was not to be had in ${waitMs} ms`);
      return lock;
    },
    close: () => closeRedis(redis),
  };
};

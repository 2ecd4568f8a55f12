import { createLock, IoredisAdapter } from 'redlock-universal';
import { closeRedis, connectRedis } from './connect-redis.ts';
import { type Connect, RETRY_MS } from './contestant.ts';
import { holdByUsing } from './hold-by-using.ts';

export const connect: Connect = async (url, options) => {
  const redis = await connectRedis(url, options);
  const adapter = new IoredisAdapter(redis);
  const lockOn = (key: string, ttl: number, waitMs: number) =>
    createLock({
      ...{ adapter, key, ttl, retryDelay: RETRY_MS, retryAttempts: Math.ceil(waitMs / RETRY_MS) },
      // Its fastest.
      performance: 'lean',
    });
  return {
    acquire: async (name, ttlMs, waitMs) => {
      const lock = lockOn(name, ttlMs, waitMs);
      const handle = await lock.acquire();
      return { release: () => lock.release(handle) };
    },
    hold: (name, ttlMs) => holdByUsing((task) => lockOn(name, ttlMs, 0).using(task)),
    close: () => closeRedis(redis),
  };
};

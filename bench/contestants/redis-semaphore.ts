import { Mutex } from 'redis-semaphore';
import { closeRedis, connectRedis } from './connect-redis.ts';
import { type Connect, RETRY_MS } from './contestant.ts';

export const connect: Connect = async (url, options) => {
  const redis = await connectRedis(url, options);
  const take = async (name: string, timing: { ttlMs: number; waitMs: number; refreshMs: number }) => {
    const mutex = new Mutex(redis, name, {
      lockTimeout: timing.ttlMs,
      acquireTimeout: timing.waitMs,
      retryInterval: RETRY_MS,
      refreshInterval: timing.refreshMs,
    });
    await mutex.acquire();
    return mutex;
  };
  return {
    // Without its automatic refresh, as the others.
    acquire: (name, ttlMs, waitMs) => take(name, { ttlMs, waitMs, refreshMs: 0 }),
    hold: (name, ttlMs) => take(name, { ttlMs, waitMs: ttlMs, refreshMs: Math.round(ttlMs * 0.8) }),
    close: () => closeRedis(redis),
  };
};

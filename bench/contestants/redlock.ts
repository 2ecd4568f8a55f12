import type { Redis } from 'ioredis';
import { closeRedis, connectRedis } from './connect-redis.ts';
import { type Connect, type Connection, type Lease, RETRY_MS } from './contestant.ts';
import { holdByUsing } from './hold-by-using.ts';

/** What `redlock` and its derivative have in common. */
interface AnyRedlock {
  acquire(names: string[], ttlMs: number, settings: { retryCount: number }): Promise<Lease>;
  using(names: string[], ttlMs: number, task: () => Promise<void>): Promise<unknown>;
}

const SETTINGS = { retryDelay: RETRY_MS, retryJitter: RETRY_MS / 2, retryCount: 0 };

/** A connection over a class of the redlock family, on one server. */
export function connectRedlock(
  Class: new (clients: Redis[], settings: typeof SETTINGS) => AnyRedlock,
): Connect {
  return async (url, options): Promise<Connection> => {
    const redis = await connectRedis(url, options);
    const redlock = new Class([redis], SETTINGS);
    return {
      acquire: (name, ttlMs, waitMs) =>
        redlock.acquire([name], ttlMs, { retryCount: Math.ceil(waitMs / RETRY_MS) }),
      hold: (name, ttlMs) => holdByUsing((task) => redlock.using([name], ttlMs, task)),
      close: () => closeRedis(redis),
    };
  };
}

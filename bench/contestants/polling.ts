import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { COMPARE_AND_DELETE_SHA, SCRIPT } from './bare-pair.ts';
import { closeRedis, connectRedis } from './connect-redis.ts';
import type { Connect } from './contestant.ts';

/** What everybody writes first: `SET NX PX` until it works, with a pause of `pauseMs`, give or take half of it. */
export function polling(pauseMs: number): Connect {
  return async (url, options) => {
    const redis = await connectRedis(url, options);
    await redis.script('LOAD', SCRIPT);
    return {
      acquire: async (name, ttlMs, waitMs) => {
        const token = randomUUID();
        const giveUpAt = performance.now() + waitMs;
        while ((await redis.set(name, token, 'PX', ttlMs, 'NX')) !== 'OK') {
          if (performance.now() >= giveUpAt) throw new Error(`${name} was not to be had in ${waitMs} ms`);
          await pause(pauseMs * (0.5 + Math.random()));
        }
        return { release: () => redis.evalsha(COMPARE_AND_DELETE_SHA, 1, name, token) };
      },
      close: () => closeRedis(redis),
    };
  };
}

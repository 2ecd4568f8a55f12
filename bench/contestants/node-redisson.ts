import { Redisson } from 'node-redisson';
import type { Connect } from './contestant.ts';

export const connect: Connect = async (url, { autoPipelining }) => {
  const { hostname, port } = new URL(url);
  const options = { host: hostname, port: Number(port), enableAutoPipelining: autoPipelining };
  const open = (watchdogMs: number) =>
    new Redisson({ redis: { options }, lockWatchdogTimeout: BigInt(watchdogMs) });
  const redisson = open(30_000);
  const opened = [redisson];
  await redisson.redis.ping();
  let watched: Redisson | undefined;
  return {
    acquire: async (name, ttlMs, waitMs) => {
      const rlock = redisson.getLock(name);
      const taken = await rlock.tryLock(BigInt(waitMs), BigInt(ttlMs));
      if (!taken) throw new Error(`${name} was not to be had in ${waitMs} ms`);
      return { release: () => rlock.unlock() };
    },
    // Its watchdog has one period for all locks.
    hold: async (name, ttlMs) => {
      if (!watched) {
        watched = open(ttlMs);
        opened.push(watched);
      }
      const rlock = watched.getLock(name);
      await rlock.lock();
      return { release: () => rlock.unlock() };
    },
    close: async () => {
      await Promise.all(opened.map((each) => each.quit()));
    },
  };
};

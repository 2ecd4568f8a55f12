import { LockClient, type LockCreator } from '../../src/index.ts';
import { closeRedis, connectRedis } from './connect-redis.ts';
import type { Connect } from './contestant.ts';

export const connect: Connect = async (url, options) => {
  const redis = await connectRedis(url, options);
  const client = new LockClient(redis);
  // Made once for each name, as an application does; the lock that it gives is already what the benchmark calls.
  const creators = new Map<string, LockCreator>();
  const creator = (name: string): LockCreator => {
    const known = creators.get(name);
    if (known) return known;
    const made = client.creator(name);
    creators.set(name, made);
    return made;
  };
  return {
    acquire: (name, ttlMs, waitMs) => creator(name).acquire(ttlMs, waitMs),
    hold: async (name, ttlMs) => (await creator(name).acquire(ttlMs)).autoRefresh(),
    settle: async (name) => void (await creator(name).inspect()),
    close: async () => {
      await client.close();
      await closeRedis(redis);
    },
  };
};

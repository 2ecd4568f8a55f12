import { LockClient, type LockCreator } from '../../src/index.ts';
import { closeRedis, connectRedis } from './connect-redis.ts';
import type { Connect } from './contestant.ts';

/** Ours as what `creatorOf` makes of a name: a semaphore, or a side of a read-write lock. */
function connectAs(creatorOf: (client: LockClient, name: string) => LockCreator): Connect {
  return async (url, options) => {
    const redis = await connectRedis(url, options);
    const client = new LockClient(redis);
    const creators = new Map<string, LockCreator>();
    const creator = (name: string): LockCreator => {
      const made = creators.get(name) ?? creatorOf(client, name);
      creators.set(name, made);
      return made;
    };
    return {
      acquire: (name, ttlMs, waitMs) => creator(name).acquire(ttlMs, waitMs),
      settle: async (name) => void (await creator(name).inspect()),
      counter: (name, ttlMs) => client.counter(name, { ttl: ttlMs }),
      close: async () => {
        await client.close();
        await closeRedis(redis);
      },
    };
  };
}

/** Two of three units each: one holder at a time, so that it can be compared with a mutex. */
export const connectPairs = connectAs((client, name) => client.creator(name, { capacity: 3, units: 2 }));
/** One of five units. */
export const connectPermits = connectAs((client, name) => client.semaphore(name, 5));
export const connectReaders = connectAs((client, name) => client.readWriteLock(name).read);
export const connectWriters = connectAs((client, name) => client.readWriteLock(name).write);

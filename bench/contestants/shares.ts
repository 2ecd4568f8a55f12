import { LockClient, type LockCreator } from '../../src/index.ts';
import { closeRedis, connectRedis } from './connect-redis.ts';
import type { Connect, Lease } from './contestant.ts';

/** Takes the lock of one name, in whatever form. */
type Take = (ttlMs: number, waitMs: number) => Promise<Lease>;

/** Ours as what `takerOf` makes of a name, once for each. */
function connectAs(takerOf: (client: LockClient, name: string) => Take): Connect {
  return async (url, options) => {
    const redis = await connectRedis(url, options);
    const client = new LockClient(redis);
    const takers = new Map<string, Take>();
    return {
      acquire: (name, ttlMs, waitMs) => {
        const take = takers.get(name) ?? takerOf(client, name);
        takers.set(name, take);
        return take(ttlMs, waitMs);
      },
      settle: async (name) => void (await client.creator(name).inspect()),
      counter: (name, ttlMs) => client.counter(name, { ttl: ttlMs }),
      close: async () => {
        await client.close();
        await closeRedis(redis);
      },
    };
  };
}

function connectShares(creatorOf: (client: LockClient, name: string) => LockCreator): Connect {
  return connectAs((client, name) => {
    const creator = creatorOf(client, name);
    return (ttlMs, waitMs) => creator.acquire(ttlMs, waitMs);
  });
}

/** Two of three units each: one holder at a time, so that it can be compared with a mutex. */
export const connectPairs = connectShares((client, name) => client.creator(name, { capacity: 3, units: 2 }));
/** One of five units. */
export const connectPermits = connectShares((client, name) => client.semaphore(name, 5));
export const connectReaders = connectShares((client, name) => client.readWriteLock(name).read);
export const connectWriters = connectShares((client, name) => client.readWriteLock(name).write);
/** Who is elected leads until it resigns. */
export const connectLeaders = connectAs((client, name) => {
  const election = client.election(name);
  return async (ttl) => {
    const leadership = await election.campaign({ ttl });
    return { fencingToken: leadership.fencingToken, release: () => leadership.resign() };
  };
});

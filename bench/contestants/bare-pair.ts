import { createHash } from 'node:crypto';
import { closeRedis, connectRedis } from './connect-redis.ts';
import type { Connect, Lease } from './contestant.ts';

const COMPARE_AND_DELETE =
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
export const COMPARE_AND_DELETE_SHA = createHash('sha1').update(COMPARE_AND_DELETE).digest('hex');

/** The least that a lock can be: one plain command, one script of two calls. No queue, no fence, no waiting. */
export const connect: Connect = async (url, options) => {
  const redis = await connectRedis(url, options);
  await redis.script('LOAD', COMPARE_AND_DELETE);
  const run = `${process.pid}`;
  let count = 0;
  return {
    acquire: (name, ttlMs) => {
      const token = `${run}:${++count}`;
      const lease: Lease = { release: () => redis.evalsha(COMPARE_AND_DELETE_SHA, 1, name, token) };
      return redis.set(name, token, 'PX', ttlMs, 'NX').then((reply) => {
        if (reply !== 'OK') throw new Error(`${name} is taken`);
        return lease;
      });
    },
    close: () => closeRedis(redis),
  };
};

/** As `connect`, by a process that never sleeps from an acquire to the release. */
export const connectAwake: Connect = async (url, options) => {
  const connection = await connect(url, options);
  const whileAwake = async <T>(answer: Promise<T>): Promise<T> => {
    let waiting = true;
    const turn = () => void (waiting && setImmediate(turn));
    turn();
    return answer.finally(() => {
      waiting = false;
    });
  };
  return {
    ...connection,
    acquire: async (name, ttlMs, waitMs) => {
      const lease = await whileAwake(connection.acquire(name, ttlMs, waitMs));
      return { release: () => whileAwake(lease.release()) };
    },
  };
};

/** Loads the script and gives its name; for those who build on the bare pair. */
export const SCRIPT = COMPARE_AND_DELETE;

import type { Redis } from 'ioredis';
import { serverOf } from './connection.ts';

/**
 * Warns, once, when the user's connection goes to another database than `database`, by which the channels of events are named:
 * locks and counters go with it, and their events do not. Returns how to stop.
 */
export function warnOfLateSelect(redis: Redis, database: number): () => void {
  const look = (selected: number): void => {
    if (selected === database) return;
    redis.off('select', look);
    process.emitWarning(
      `the connection to the Redis server ${serverOf(redis)} has gone from database ${database} to ${selected} after a client was ` +
        'made with it: its locks and counters are in that one from now on, but watches and waits for counters learn late of ' +
        'what clients do that were made there. Select the database before.',
      { type: 'BatonlockWarning', code: 'BATON_SELECT' },
    );
  };
  redis.on('select', look);
  return () => redis.off('select', look);
}

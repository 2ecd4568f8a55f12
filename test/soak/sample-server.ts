import type { Redis } from 'ioredis';
import type { ServerSample } from './samples.ts';

/** What the server is like now, over a connection that counts as one of its clients. */
export async function sampleServer(redis: Redis): Promise<ServerSample> {
  const [info, keys, sharded, others] = await Promise.all([
    redis.info(),
    redis.dbsize(),
    redis.pubsub('SHARDCHANNELS'),
    redis.pubsub('CHANNELS'),
  ]);
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
  return {
    redisBytes: field('used_memory'),
    counts: {
      keys,
      channels: sharded.length + others.length,
      'connected clients': field('connected_clients'),
    },
  };
}

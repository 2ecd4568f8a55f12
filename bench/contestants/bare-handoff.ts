import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { closeRedis, connectRedis } from './connect-redis.ts';
import type { Connect, Lease } from './contestant.ts';

const SERVER_TIME =
  "local time = redis.call('TIME')\nlocal now = time[1] .. string.sub('00000' .. time[2], -6)";

/** KEYS 1 record, 2 queue; ARGV 1 owner id. Answers 1 when it is granted, 0 when it is in line. */
const ACQUIRE = `
local record = redis.call('GET', KEYS[1])
${SERVER_TIME}
if not record or #record == 16 then
  redis.call('SET', KEYS[1], now .. ' ' .. ARGV[1], 'PX', '3630000')
  return 1
end
redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if string.sub(record, 17, 17) == ' ' then redis.call('SETRANGE', KEYS[1], 16, 'q') end
redis.call('ZADD', KEYS[2], 'NX', now, ARGV[1])
redis.call('PEXPIRE', KEYS[2], '90000')
return 0`;

/** KEYS as above; ARGV 1 owner id, 2 the inbox of who calls, which makes the server write to the next in line first. */
const RELEASE = `
local record = redis.call('GET', KEYS[1])
local head = string.sub(record, 17, 17) == 'q' and redis.call('ZPOPMIN', KEYS[2]) or {}
if not head[1] then
  redis.call('SET', KEYS[1], string.sub(record, 1, 16), 'PX', '3600000')
  return 1
end
${SERVER_TIME}
local inbox = string.match(head[1], '^[^/]*')
redis.call('PUBSUB', 'SHARDNUMSUB', inbox)
if ARGV[2] then redis.call('SPUBLISH', ARGV[2], '') end
redis.call('SPUBLISH', inbox, head[1])
redis.call('SET', KEYS[1], now .. 'q' .. head[1], 'PX', '3630000')
return 1`;

const [ACQUIRE_SHA = '', RELEASE_SHA = ''] = [ACQUIRE, RELEASE].map((lua) =>
  createHash('sha1').update(lua).digest('hex'),
);

/**
 * The calls of our scripts and nothing around them: a queue, a fence and a handoff without one check, timeout, refresh or repair.
 * What it takes longer than a bare hop, no lock of this protocol can save.
 */
export const connect: Connect = async (url, options) => {
  const redis = await connectRedis(url, options);
  for (const lua of [ACQUIRE, RELEASE]) await redis.script('LOAD', lua);
  const subscriber = await connectRedis(url, options);
  const inbox = `bare.inbox.${hostname()}.${process.pid}`;
  const waiting = new Map<string, (lease: Lease) => void>();
  subscriber.on('smessage', (_channel: string, owner: string) => {
    waiting.get(owner)?.({
      // As ours: on this connection the server tells the next in line before it answers us.
      release: () => subscriber.evalsha(RELEASE_SHA, 2, ...keysOf(nameOf(owner)), owner, inbox),
    });
  });
  await subscriber.ssubscribe(inbox);
  let count = 0;
  return {
    acquire: (name) => {
      const owner = `${inbox}/${++count}/${name}`;
      return new Promise((resolve, reject) => {
        waiting.set(owner, (lease) => {
          waiting.delete(owner);
          resolve(lease);
        });
        redis.evalsha(ACQUIRE_SHA, 2, ...keysOf(name), owner).then((reply) => {
          if (reply !== 1) return;
          waiting.delete(owner);
          resolve({ release: () => redis.evalsha(RELEASE_SHA, 2, ...keysOf(name), owner) });
        }, reject);
      });
    },
    close: async () => {
      await closeRedis(redis);
      await closeRedis(subscriber);
    },
  };
};

function keysOf(name: string): [record: string, queue: string] {
  return [`{${name}}`, `{${name}}:queue`];
}

function nameOf(owner: string): string {
  return owner.slice(owner.indexOf('/', owner.indexOf('/') + 1) + 1);
}

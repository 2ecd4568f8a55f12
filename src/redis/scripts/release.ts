import { Script } from '../script.ts';
import { HAND_OVER, READ_RECORD, READ_TIME, SAVE_RECORD } from './fragments.ts';

/**
 * Ends a lease and hands the lock to the next in line; also how a waiter leaves the queue, and how a holder is
 * dispossessed.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, or 'force' for whoever holds it, 2 fence retention (ms), 3 prefix of inbox channels,
 *       4 queue TTL (ms)
 * Replies
 *   1   it was the holder, or in the queue, and is not any more
 *   0   it was neither
 *   2   still the holder: dead waiters were dropped and there are more, call again
 */
export const releaseScript = new Script(`
${READ_RECORD}
local owner, retention, inboxes, queueTtl = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
${READ_TIME}
if owner == 'force' then
  readTime()
  if leaseEnd <= ms then return 0 end
  redis.pcall('PUBLISH', inboxes .. string.match(holder, '^[^:]*'), 'forced ' .. holder)
elseif holder ~= owner then
  return redis.call('ZREM', KEYS[2], owner)
end
${SAVE_RECORD}
local head = redis.call('ZPOPMIN', KEYS[2])
local taker, obstacle
if head[1] then
  ${HAND_OVER}
  taker, obstacle = handOver(head)
  if obstacle == 'more' then return 2 end
  if obstacle == 'denied' then obstacle = denied end
end
if not taker then
  holder, leaseEnd = '-', 0
  save()
end
if obstacle then return redis.error_reply(obstacle) end
return 1
`);

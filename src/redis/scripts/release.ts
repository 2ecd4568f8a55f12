import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  HAND_OVER,
  NOBODY,
  PARSE_RECORD,
  READ_RECORD,
  READ_TIME,
  SAVE_RECORD,
  type ScriptConstants,
} from './fragments.ts';

/**
 * Ends a lease and hands the lock to the next in line; also how a waiter leaves the queue, and how a holder is
 * dispossessed.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, or 'force' for whoever holds it
 * Replies
 *   1   it was the holder, or in the queue, and is not any more
 *   0   it was neither
 *   2   still the holder: dead waiters were dropped and there are more, call again
 */
export function releaseScript(constants: ScriptConstants): Script {
  return new Script(`
${READ_RECORD}
${declareConstants(constants)}
local owner = ARGV[1]
local head
if record and string.sub(record, 32) == owner then
  head = redis.call('ZPOPMIN', KEYS[2])
  -- The common case: nobody watches, nobody waits.
  if not head[1] then
    redis.call('SET', KEYS[1], string.sub(record, 1, 16), 'PX', retentionText)
    return 1
  end
end
${PARSE_RECORD}
if holder ~= owner and owner ~= 'force' then return redis.call('ZREM', KEYS[2], owner) end
${READ_TIME}
if owner == 'force' then
  if leaseEnd <= ms then return 0 end
  redis.pcall('PUBLISH', inboxes .. string.match(holder, '^[^:]*'), 'forced ' .. holder)
end
${SAVE_RECORD}
head = head or redis.call('ZPOPMIN', KEYS[2])
if head[1] then
  ${HAND_OVER}
  local taker, obstacle = handOver(head)
  if taker then return 1 end
  if obstacle == 'more' then return 2 end
  if obstacle == 'denied' then
    -- Held by nobody, but not the bare fence, which would say that nobody is in line.
    local free = string.format('%.0f${NOBODY}', fence) .. (watched and ' watched' or '')
    redis.call('SET', KEYS[1], free, 'PX', retention)
    return ${DENIED}
  end
end
holder = '-'
save(string.sub(record, 1, 16))
return 1
`);
}

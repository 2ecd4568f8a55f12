import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  NOBODY,
  parseRecord,
  READ_RECORD,
  READ_TIME,
  RECORD_FIELDS,
  type ScriptConstants,
} from './fragments.ts';
import { handOver, SAVE_RECORD } from './grant-fragments.ts';

/**
 * Ends a lease and hands the lock to the next in line; also how a waiter leaves the queue, and how a holder is
 * dispossessed.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, 2 `ownInbox`, see `tellGrant`; or 1 'force', 2 the owner id of who is dispossessed: of whoever holds
 *       it, a repeated command would take it from the next
 * Replies
 *   1   it was the holder, or in the queue, and is not any more
 *   0   it was neither
 *   2   still the holder: dead waiters were dropped and there are more, call again
 */
export function releaseScript(constants: ScriptConstants): Script {
  return new Script(`
${READ_RECORD}
${declareConstants(constants)}
local owner, head, forced = ARGV[1], nil, false
ownInbox = ARGV[2]
${RECORD_FIELDS}
if record and string.sub(record, 32) == owner then
  mark = string.sub(record, 17, 17)
  if mark ~= ' ' then head = redis.call('ZPOPMIN', KEYS[2]) end
  -- The common case: nobody watches, nobody waits.
  if mark ~= 'w' and not (head and head[1]) then
    local bare = string.sub(record, 1, 16)
    if redis.pcall('SET', KEYS[1], bare, 'PX', retentionText).err then
      -- As writeAnyway does.
      redis.call('PEXPIRE', KEYS[1], retentionText, 'GT')
      redis.call('SET', KEYS[1], bare, 'PX', retentionText)
    end
    return 1
  end
  fence, holder = tonumber(string.sub(record, 1, 16)), owner
else
  ${parseRecord('')}
  if owner == 'force' then owner, ownInbox, forced = ARGV[2], nil, true end
  if holder ~= owner then return redis.call('ZREM', KEYS[2], owner) end
end
${READ_TIME}
if forced then
  if leaseEnd <= ms then return 0 end
  -- A write first: a server that refuses it must not have told the holder anything.
  head = redis.call('ZPOPMIN', KEYS[2])
  redis.pcall('SPUBLISH', inboxes .. string.match(holder, '^[^:]*'), 'forced ' .. holder)
end
if head[1] then
  ${handOver()}
  if taker then return 1 end
  if obstacle == 'more' then return 2 end
  if obstacle == 'denied' then
    -- Held by nobody, but not the bare fence, which would say that nobody is in line.
    local free = string.sub(record, 1, 16) .. (mark == 'w' and mark or 'q') .. '${NOBODY}'
    redis.call('SET', KEYS[1], free, 'PX', retentionText)
    return ${DENIED}
  end
end
holder = '-'
local fenceText = string.sub(record, 1, 16)
${SAVE_RECORD}
return 1
`);
}

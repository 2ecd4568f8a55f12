import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  IS_OF_SHARES,
  READ_RECORD,
  READ_TIME,
  type ScriptConstants,
} from './fragments.ts';
import { NEXT_FENCE, tellGrant } from './grant-fragments.ts';
import { find, PARSE_SHARES, SAVE, SERVE, SWEEP } from './share-fragments.ts';

/**
 * The common case under contention, which the script could do without: a sole lease ends, and its units go to the head of the line,
 * of which little needs to be taken apart. `handed` says whether they did; then nothing is left to be done, except when there is
 * enough for the next in line as well: `record` is what would have been written. `nobody` says that nobody is in line.
 */
const HAND_ON = `
local handed, nobody
if mark == 'o' and not forced and string.sub(record, 18, 30) > string.sub(now, 1, 13) then
  local capacity, holder = string.match(record, '^(%d+) %d+ %d+ ()', 32)
  if capacity and string.sub(record, holder) == owner then
    local head, client, ttl, units = redis.call('ZPOPMIN', KEYS[2])
    local waiter = head[1]
    nobody = not waiter
    if waiter then client, ttl, units = string.match(waiter, '^([^:]+):[^:]+:(%d+):(%d+)$') end
    if client and tonumber(units) <= tonumber(capacity) then
      local fence, told = tonumber(string.sub(record, 1, 16))
      ${NEXT_FENCE}
      ${tellGrant('waiter', 'inboxes .. client')}
      if told and told > 0 then
        handed = true
        record = fenceText .. 'o' .. (ms + ttl) .. ' ' .. capacity .. ' ' .. units .. ' ' .. ttl .. ' ' .. waiter
        local next = units ~= capacity and redis.call('ZRANGE', KEYS[2], 0, 0)[1]
        if not next or units + (string.match(next, '%d+$') or 0) > tonumber(capacity) then
          redis.call('SET', KEYS[1], record, 'PX', retention + ttl)
          return 1
        end
      end
    end
    if waiter and not handed then
      redis.call('ZADD', KEYS[2], head[2], waiter)
      redis.call('PEXPIRE', KEYS[2], queueTtl)
    end
  end
end
`;

/**
 * Ends a lease of some units and hands them on; also how a waiter leaves the queue, and how a holder is dispossessed.
 *
 * KEYS  1 record, 2 queue, 3 holders
 * ARGV  1 owner id, 2 `ownInbox`, see `tellGrant`; or 1 'force', 2 the owner id of who is dispossessed
 * Replies
 *   1   it was a holder, or in the queue, and is not any more
 *   0   it was neither
 *   2   as 0, but dead waiters were dropped and there are more: call again
 *   3   as 1, but dead waiters were dropped and there are more: call again, for any owner
 */
export function releaseShareScript(constants: ScriptConstants): Script {
  return new Script(
    `
${READ_RECORD}
${declareConstants(constants)}
local owner, forced = ARGV[1], ARGV[1] == 'force'
if forced then owner = ARGV[2] else ownInbox = ARGV[2] end
local mark = record and string.sub(record, 17, 17)
if not ${IS_OF_SHARES} then
  -- Its lease is gone with the record, or was over long ago.
  return redis.call('ZREM', KEYS[2], owner)
end
${READ_TIME}
${HAND_ON}
${PARSE_SHARES}
${SWEEP}
local known, inHash, lost = 1, false, false
if not handed then
  ${find('owner')}
  if leaseEnd then
    used, inHash, sole, lost = used - heldUnits, not sole, nil, forced
  else
    known = redis.call('ZREM', KEYS[2], owner)
  end
end
local self
${SERVE}
-- After the next in line has come in: a hash that never gets empty keeps its expiry.
if inHash then redis.call('HDEL', KEYS[3], owner) end
${SAVE}
if lost then redis.pcall('SPUBLISH', inboxes .. string.match(owner, '^[^:]*'), 'forced ' .. owner) end
if line == 'denied' then return ${DENIED} end
return line == 'more' and known + 2 or known
`,
    3,
  );
}

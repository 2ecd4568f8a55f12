import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  lineUp,
  READ_RECORD,
  READ_TIME,
  REFUSE_OLD,
  type ScriptConstants,
} from './fragments.ts';
import { NEXT_FENCE } from './grant-fragments.ts';
import { find, lend, PARSE_SHARES, SAVE, SERVE, SWEEP } from './share-fragments.ts';

/**
 * Takes units if there are enough left and nobody is in line, else queues.
 *
 * KEYS  1 record, 2 queue, 3 holders
 * ARGV  1 owner id, 2 TTL (ms), 3 units, 4 capacity, 5 as 3 of the acquire script
 * Replies as those of the acquire script; the holder's lease end is that of the first lease to end.
 */
export function acquireShareScript(constants: ScriptConstants): Script {
  return new Script(
    `
${REFUSE_OLD}
${READ_RECORD}
${declareConstants(constants)}
local self, ttl, units, wanted, mode = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
${READ_TIME}
${PARSE_SHARES}
if mutex then return 'capacity 1' end
local place = mode ~= 'try' and mode
local last = (not record or #record > 16) and redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES') or {}
-- The common case under contention: somebody else has so much that there is not enough left, and nobody can be served.
if mode or not sole or sole == self or capacity ~= wanted or used + units <= capacity
  or soonest <= ms or latest - ms > longest then
  local fenceBefore = fence
  -- Without a record there are no leases, as for a mutex.
  if not record then redis.call('DEL', KEYS[3]) end
  ${SWEEP}
  if capacity ~= wanted then
    if used > 0 or (record and last[1]) then return string.format('capacity %.0f', capacity) end
    capacity = wanted
  end
  ${find('self')}
  if leaseEnd then return string.format('granted %s %.0f', grantedFence, leaseEnd - ms) end
  local nobody = not last[1]
  ${SERVE}
  local answer
  if line == 'denied' then
    answer = ${DENIED}
  elseif mine then
    ${find('self')}
    answer = string.format('granted %s %.0f', grantedFence, leaseEnd - ms)
  elseif line == 'more' then
    answer = 'more'
  elseif line == 'empty' and used + units <= capacity then
    ${NEXT_FENCE}
    ${lend('self', 'ttl', 'units')}
    answer = place and string.format('granted %.0f %.0f lost', fence, ttl) or fence
  end
  -- A lease has ended, or ends earlier, or somebody was served.
  if answer or swept or fence ~= fenceBefore then
    ${SAVE}
  end
  if answer then return answer end
  if mode == 'try' then return false end
end
local lost = ''
${lineUp('self')}
return 'queued ' .. (sole and string.sub(record, 18, 30) or soonest) .. ' ' .. arrival .. ' ' .. now .. lost
`,
    3,
  );
}

import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  IS_OF_SHARES,
  READ_RECORD,
  READ_TIME,
  type ScriptConstants,
} from './fragments.ts';
import { FIND, LEND, PARSE_SHARES, PUT, SAVE, SERVE, SWEEP } from './share-fragments.ts';

/**
 * Ends a lease of some units and hands them on; also how a waiter leaves the queue, and how all holders are dispossessed.
 *
 * KEYS  1 record, 2 queue, 3 holders
 * ARGV  1 owner id, or 'force' for all who hold any; 2 `ownInbox`, see TELL_GRANT
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
local owner = ARGV[1]
ownInbox = ARGV[2]
local mark = record and string.sub(record, 17, 17)
if not ${IS_OF_SHARES} then
  -- Its lease is gone with the record, or was over long ago.
  return redis.call('ZREM', KEYS[2], owner)
end
${READ_TIME}
${PARSE_SHARES}
${SWEEP}
local known, inHash = 1, false
if owner == 'force' then
  if used == 0 then return 0 end
  local holders = sole and { sole } or redis.call('HKEYS', KEYS[3])
  -- A write first, also where there is no hash: a server that refuses it must not have told the holders anything.
  redis.call('DEL', KEYS[3])
  for _, holder in ipairs(holders) do
    redis.pcall('SPUBLISH', inboxes .. string.match(holder, '^[^:]*'), 'forced ' .. holder)
  end
  used = 0
else
  ${FIND}
  local leaseEnd, _, units = find(owner)
  if leaseEnd then
    used, inHash, sole = used - units, not sole, nil
  else
    known = redis.call('ZREM', KEYS[2], owner)
  end
end
local self, nobody
${PUT}
${LEND}
${SERVE}
-- After the next in line has come in: a hash that never gets empty keeps its expiry.
if inHash then redis.call('HDEL', KEYS[3], owner) end
${SAVE}
if line == 'denied' then return ${DENIED} end
return line == 'more' and known + 2 or known
`,
    3,
  );
}

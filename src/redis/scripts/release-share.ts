import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  IS_OF_SHARES,
  READ_RECORD,
  READ_TIME,
  type ScriptConstants,
} from './fragments.ts';
import { find, PARSE_SHARES, SAVE, SERVE, SWEEP } from './share-fragments.ts';

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
${PARSE_SHARES}
${SWEEP}
local known, inHash = 1, false
${find('owner')}
if leaseEnd then
  used, inHash, sole = used - heldUnits, not sole, nil
else
  known = redis.call('ZREM', KEYS[2], owner)
end
local self, nobody
${SERVE}
-- After the next in line has come in: a hash that never gets empty keeps its expiry.
if inHash then redis.call('HDEL', KEYS[3], owner) end
${SAVE}
if forced and leaseEnd then redis.pcall('SPUBLISH', inboxes .. string.match(owner, '^[^:]*'), 'forced ' .. owner) end
if line == 'denied' then return ${DENIED} end
return line == 'more' and known + 2 or known
`,
    3,
  );
}

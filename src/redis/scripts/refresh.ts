import { Script } from '../script.ts';
import {
  declareConstants,
  parseRecord,
  READ_RECORD,
  READ_TIME,
  RECORD_FIELDS,
  type ScriptConstants,
  ttlIn,
} from './fragments.ts';
import { SAVE_RECORD, WRITE_ANYWAY } from './grant-fragments.ts';

/**
 * Starts a lease's TTL anew. Never recreates one.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, 2 TTL (ms)
 * Replies
 *   1   the lease now ends TTL from now
 *   0   this owner has no lease any more
 */
export function refreshScript(constants: ScriptConstants): Script {
  return new Script(`
${READ_RECORD}
${RECORD_FIELDS}
${parseRecord('return 0')}
${declareConstants(constants)}
local owner, ttl = ARGV[1], tonumber(ARGV[2])
${READ_TIME}
if holder ~= owner or leaseEnd <= ms then return 0 end
leaseEnd = ms + ttl
local fenceText = string.sub(record, 1, 16)
${WRITE_ANYWAY}
writeAnyway(function()
  ${SAVE_RECORD}
end)
if ttl > (${ttlIn('owner')} or 0) then redis.call('SETRANGE', KEYS[1], 30, '+') end
return 1
`);
}

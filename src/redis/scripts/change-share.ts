import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  IS_OF_SHARES,
  READ_RECORD,
  READ_TIME,
  type ScriptConstants,
} from './fragments.ts';
import { WRITE_ANYWAY } from './grant-fragments.ts';
import { find, PARSE_SHARES, put, SAVE, SERVE, SWEEP } from './share-fragments.ts';

/** Finds the lease of `owner`, among those that have not ended; answers 0 when there is none. */
const FIND_LEASE = `
${READ_RECORD}
local mark = record and string.sub(record, 17, 17)
if not ${IS_OF_SHARES} then return 0 end
${READ_TIME}
${PARSE_SHARES}
${SWEEP}
${WRITE_ANYWAY}
local owner = ARGV[1]
${find('owner')}
if not leaseEnd then return 0 end
`;

/**
 * Starts a lease's TTL anew. Never recreates one.
 *
 * KEYS  1 record, 2 queue, 3 holders
 * ARGV  1 owner id, 2 TTL (ms)
 * Replies
 *   1   the lease now ends TTL from now
 *   0   this owner has no lease any more
 */
export function refreshShareScript(constants: ScriptConstants): Script {
  return new Script(
    `
${declareConstants(constants)}
${FIND_LEASE}
local ttl = tonumber(ARGV[2])
leaseEnd = ms + ttl
writeAnyway(function()
  if sole then
    soonest, latest, longest = leaseEnd, leaseEnd, ttl
  else
    ${put('owner', 'leaseEnd', 'grantedFence', 'heldUnits')}
  end
  ${SAVE}
end)
return 1
`,
    3,
  );
}

/**
 * Keeps some of a lease's units and hands the others on. A resent command is harmless.
 *
 * KEYS  1 record, 2 queue, 3 holders
 * ARGV  1 owner id, 2 units to keep
 * Replies
 *   1   the lease has no more units than that
 *   0   this owner has no lease any more
 *   2   as 1, but there are more dead waiters than could be dropped: call again
 */
export function downgradeShareScript(constants: ScriptConstants): Script {
  return new Script(
    `
${declareConstants(constants)}
${FIND_LEASE}
local kept = math.min(tonumber(ARGV[2]), heldUnits)
used = used - (heldUnits - kept)
if not sole then
  writeAnyway(function()
    ${put('owner', 'leaseEnd', 'grantedFence', 'kept')}
  end)
end
local self, nobody
${SERVE}
writeAnyway(function()
  ${SAVE}
end)
if line == 'denied' then return ${DENIED} end
return line == 'more' and 2 or 1
`,
    3,
  );
}

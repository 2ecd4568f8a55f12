import { Script } from '../script.ts';
import { DENIED, declareConstants, READ_RECORD, READ_TIME, type ScriptConstants } from './fragments.ts';
import { LEND, PARSE_SHARES, SERVE } from './share-fragments.ts';

/** Finds the lease of `owner`; answers 0 when there is none. */
const FIND_LEASE = `
${READ_RECORD}
local kind = record and string.sub(record, 17, 17)
if kind ~= 's' and kind ~= 'S' then return 0 end
${READ_TIME}
${PARSE_SHARES}
local owner = ARGV[1]
local held = redis.call('HGET', KEYS[3], owner)
local leaseEnd, grantedFence, units = string.match(held or '', '^(%d+) (%d+) (%d+)$')
leaseEnd = tonumber(leaseEnd)
if not leaseEnd or leaseEnd <= ms then return 0 end
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
${LEND}
leaseEnd = ms + tonumber(ARGV[2])
redis.call('HSET', KEYS[3], owner, string.format('%.0f ', leaseEnd) .. grantedFence .. ' ' .. units)
extend(leaseEnd)
save()
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
${LEND}
sweep()
local kept = math.min(tonumber(ARGV[2]), tonumber(units))
used = used - (units - kept)
redis.call('HSET', KEYS[3], owner, string.format('%.0f ', leaseEnd) .. grantedFence .. string.format(' %.0f', kept))
${SERVE}
local line = serve()
save()
if line == 'denied' then return ${DENIED} end
return line == 'more' and 2 or 1
`,
    3,
  );
}

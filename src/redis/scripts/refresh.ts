import { Script } from '../script.ts';
import { READ_RECORD, READ_TIME, SAVE_RECORD } from './fragments.ts';

/**
 * Starts a lease's TTL anew. Never recreates one.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, 2 TTL (ms), 3 fence retention (ms)
 * Replies
 *   1   the lease now ends TTL from now
 *   0   this owner has no lease any more
 */
export const refreshScript = new Script(`
${READ_RECORD}
local owner, ttl, retention = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
${READ_TIME}
readTime()
if holder ~= owner or leaseEnd <= ms then return 0 end
${SAVE_RECORD}
leaseEnd = ms + ttl
save()
return 1
`);

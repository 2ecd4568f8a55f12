import { isFence } from '../outcome.ts';
import { Script } from '../script.ts';
import {
  declareConstants,
  END_IN_TIME,
  FOREIGN,
  parseRecord,
  READ_RECORD,
  READ_TIME,
  RECORD_FIELDS,
  type ScriptConstants,
} from './fragments.ts';
import { SAVE_RECORD } from './grant-fragments.ts';

/**
 * Votes for an owner that was granted the lock on another server: takes over its lease and its fence, if the lock is
 * free here or this owner's already. Never queues. A resent command is harmless.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, 2 TTL (ms), 3 proposed fence, 16 digits
 * Replies
 *   1                                           voted: the lease ends TTL from now, and this is the last fence
 *   `held <time left of the holder, ms> <its owner id>`
 *   `behind <last fence>`                       the proposed fence is not higher than that
 */
export function adoptScript(constants: ScriptConstants): Script {
  return new Script(`
${READ_RECORD}
${RECORD_FIELDS}
${parseRecord(`return ${FOREIGN}`)}
${declareConstants(constants)}
local owner, ttl, proposed = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
${READ_TIME}
if leaseEnd > ms and holder ~= owner then
  ${END_IN_TIME}
  return string.format('held %.0f ', leaseEnd - ms) .. holder
end
if fence > proposed or (fence == proposed and holder ~= owner) then return string.format('behind %.0f', fence) end
-- A queue can outlive a record that was evicted.
if not record and redis.call('EXISTS', KEYS[2]) == 1 then mark = 'q' end
leaseEnd, holder = ms + ttl, owner
local fenceText = ARGV[3]
${SAVE_RECORD}
return 1
`);
}

/** What the adopt script answered. */
export type AdoptReply =
  | { readonly kind: 'voted' }
  | { readonly kind: 'held'; readonly leftMs: number; readonly holder: string }
  | { readonly kind: 'behind'; readonly fence: number };

/** Undefined for an answer that this script cannot have given. */
export function parseAdoptReply(reply: unknown): AdoptReply | undefined {
  // With the option `stringNumbers` of ioredis, numbers come as strings.
  if (reply === 1 || reply === '1') return { kind: 'voted' };
  if (typeof reply !== 'string') return undefined;
  const [, left, holder] = HELD.exec(reply) ?? [];
  if (holder !== undefined) return { kind: 'held', leftMs: Number(left), holder };
  const fence = Number(BEHIND.exec(reply)?.[1]);
  // There is a higher one to ask for next.
  return isFence(fence) && isFence(fence + 1) ? { kind: 'behind', fence } : undefined;
}

const HELD = /^held (\d{1,15}) (\S+)$/;
const BEHIND = /^behind (\d{1,16})$/;

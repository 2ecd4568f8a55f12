import { Script } from '../script.ts';
import { HAND_OVER, READ_RECORD, READ_TIME, SAVE_RECORD } from './fragments.ts';

/**
 * Takes the lock if it is free and nobody is in line, else queues.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, 2 TTL (ms), 3 fence retention (ms), 4 prefix of inbox channels, 5 queue TTL (ms),
 *       6 what to do when the lock is not to be had: 'try' gives up, 'queue' queues, or the arrival score that this
 *         owner already had in a queue, to queue there again
 * Replies
 *   `granted <fence> <time left, ms>`   also when this owner holds it already: a resent command is harmless
 *   `queued <time left of the holder, ms> <arrival score, µs> <server time, µs>`
 *     either with ` lost` behind it when the owner had a place that is not there any more
 *   `more`                              dead waiters were dropped, call again
 *   nil                                 'try', and somebody has it or is in line for it
 */
export const acquireScript = new Script(`
${READ_RECORD}
local owner, ttl, retention = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local inboxes, queueTtl, mode = ARGV[4], ARGV[5], ARGV[6]
${READ_TIME}
${SAVE_RECORD}
readTime()
local place = tonumber(mode)
local lost = ''
if leaseEnd <= ms or holder ~= owner then
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  local taker = leaseEnd > ms and holder
  if not taker and last[1] then
    ${HAND_OVER}
    local obstacle
    taker, obstacle = handOver(redis.call('ZPOPMIN', KEYS[2]), owner)
    if obstacle == 'more' then return 'more' end
    if obstacle == 'denied' then return redis.error_reply(denied) end
  end
  if not taker then
    grantTo(owner, ttl)
    if place then lost = ' lost' end
  elseif taker ~= owner then
    if mode == 'try' then return false end
    -- Strictly after everybody in line, also when two arrive in one µs or the server's clock was set back.
    local arrival = place or math.max(us, (tonumber(last[2]) or 0) + 1)
    if redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', arrival), owner) == 0 then
      arrival = tonumber(redis.call('ZSCORE', KEYS[2], owner))
    elseif place then
      lost = ' lost'
    end
    redis.call('PEXPIRE', KEYS[2], queueTtl)
    return string.format('queued %.0f %.0f %.0f', leaseEnd - ms, arrival, us) .. lost
  end
end
return string.format('granted %.0f %.0f', fence, leaseEnd - ms) .. lost
`);

/** What the acquire script answered. `lost`: the server has forgotten this owner's place, and maybe others. */
export type AcquireReply =
  | {
      readonly kind: 'granted';
      readonly fencingToken: number;
      readonly leftMs: number;
      readonly lost: boolean;
    }
  | {
      readonly kind: 'queued';
      readonly leftMs: number;
      readonly arrivalUs: string;
      readonly serverUs: number;
      readonly lost: boolean;
    }
  | { readonly kind: 'more' }
  | { readonly kind: 'refused' };

/** Undefined for an answer that this script cannot have given. */
export function parseAcquireReply(reply: unknown): AcquireReply | undefined {
  if (reply === null) return { kind: 'refused' };
  if (typeof reply !== 'string') return undefined;
  const [kind, first = '', second = '', third, fourth] = reply.split(' ');
  if (kind === 'granted' && second !== '') {
    return { kind, fencingToken: Number(first), leftMs: Number(second), lost: third === 'lost' };
  }
  if (kind === 'queued' && third !== undefined) {
    const lost = fourth === 'lost';
    return { kind, leftMs: Number(first), arrivalUs: second, serverUs: Number(third), lost };
  }
  return kind === 'more' ? { kind } : undefined;
}

import { isFence, TIME_DIGITS } from '../outcome.ts';
import { Script } from '../script.ts';
import {
  DENIED,
  declareConstants,
  END_IN_TIME,
  FOREIGN,
  lineUp,
  parseRecord,
  READ_RECORD,
  READ_TIME,
  RECORD_FIELDS,
  REFUSE_OLD,
  type ScriptConstants,
} from './fragments.ts';
import { grant, handOver, NEXT_FENCE } from './grant-fragments.ts';
import { LOOK_AT_SHARES } from './share-fragments.ts';

/** A semaphore or read-write lock that nobody uses is a free mutex. */
const TAKE_OVER_SHARES = `
${LOOK_AT_SHARES}
if inUse then return 'capacity ' .. shareCapacity end
mark = (mark == 'O' or mark == 'S') and 'w' or ' '
`;

/**
 * Takes the lock if it is free and nobody is in line, else queues.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 owner id, 2 TTL (ms), 3 nothing to queue when the lock is not to be had, 'try' to give up then, or the
 *       arrival score that this owner already had in a queue, to queue there again
 * Replies
 *   a number                            granted for the whole TTL, with this fence
 *   `granted <fence> <time left, ms>`   this owner has it already: a resent command is harmless
 *   `queued <lease end of the holder, ms> <arrival score, µs> <server time, µs>`
 *     either with ` lost` behind it when the owner had a place that is not there any more
 *   `more`                              dead waiters were dropped, call again
 *   `capacity <n>`                      the name is in use with another capacity
 *   nil                                 'try', and somebody has it or is in line for it
 */
export function acquireScript(constants: ScriptConstants): Script {
  return new Script(`
${REFUSE_OLD}
${READ_RECORD}
${declareConstants(constants)}
local owner, ttl, mode = ARGV[1], ARGV[2], ARGV[3]
${READ_TIME}
-- The common case: free, nobody watches, and nobody in line.
if not mode and record and #record == 16 then
  local fence = tonumber(record)
  if not fence or fence < 1e15 then return ${FOREIGN} end
  ${NEXT_FENCE}
  redis.call('SET', KEYS[1], fenceText .. ' ' .. (ms + ttl) .. ' ' .. owner, 'PX', retention + ttl)
  return nextFence
end
${RECORD_FIELDS}
${parseRecord(TAKE_OVER_SHARES)}
local lost = ''
if leaseEnd <= ms or holder ~= owner then
  local place = mode ~= 'try' and mode
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  local current = leaseEnd > ms and holder
  if current then
    ${END_IN_TIME}
  elseif last[1] then
    local head = redis.call('ZPOPMIN', KEYS[2])
    ${handOver('owner')}
    current = taker
    if obstacle == 'more' then return 'more' end
    if obstacle == 'denied' then return ${DENIED} end
  end
  if not current then
    ${NEXT_FENCE}
    ${grant('owner', 'ttl', ' ')}
    if not place then return fence end
    lost = ' lost'
  elseif current ~= owner then
    if mode == 'try' then return false end
    if mark == ' ' then redis.call('SETRANGE', KEYS[1], 16, 'q') end
    ${lineUp('owner')}
    return 'queued ' .. string.sub(record, 18, 30) .. ' ' .. arrival .. ' ' .. now .. lost
  end
end
return string.format('granted %.0f %.0f', fence, leaseEnd - ms) .. lost
`);
}

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
      readonly arrivalUs: number;
      readonly serverUs: number;
      readonly lost: boolean;
    }
  | { readonly kind: 'more' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'capacity'; readonly actual: number };

/** Undefined for an answer that this script cannot have given to a request for `ttlMs`. */
export function parseAcquireReply(reply: unknown, ttlMs: number): AcquireReply | undefined {
  if (reply === null) return { kind: 'refused' };
  if (typeof reply === 'number') return grantOf(reply, ttlMs, false);
  if (typeof reply !== 'string') return undefined;
  if (reply === 'more') return { kind: 'more' };
  if (reply.startsWith(QUEUED)) return placeIn(reply);
  const [, fence, left, lost] = GRANTED.exec(reply) ?? [];
  // More than the whole TTL is left of it when the server's clock was set back since.
  if (fence !== undefined) return grantOf(Number(fence), Math.min(Number(left), ttlMs), lost !== undefined);
  const [, actual] = CAPACITY.exec(reply) ?? [];
  if (actual !== undefined) return { kind: 'capacity', actual: Number(actual) };
  // With the option `stringNumbers` of ioredis, numbers come as strings.
  return /^\d{16}$/.test(reply) ? grantOf(Number(reply), ttlMs, false) : undefined;
}

/** Everybody in line waits for this, so it looks at fixed places, from the end. */
function placeIn(reply: string): AcquireReply | undefined {
  const lost = reply.endsWith(LOST);
  const end = lost ? reply.length - LOST.length : reply.length;
  const timeStart = end - TIME_DIGITS;
  const arrivalStart = timeStart - 1 - TIME_DIGITS;
  const serverUs = Number(reply.slice(timeStart, end));
  const arrivalUs = Number(reply.slice(arrivalStart, timeStart - 1));
  const leaseEndMs = Number(reply.slice(QUEUED.length, arrivalStart - 1));
  if (!isFence(serverUs) || !isFence(arrivalUs) || !isFence(leaseEndMs)) return undefined;
  // The time of the lease that was waited for may just be over.
  const leftMs = Math.max(0, leaseEndMs - Math.floor(serverUs / 1_000));
  return { kind: 'queued', leftMs, arrivalUs, serverUs, lost };
}

function grantOf(fencingToken: number, leftMs: number, lost: boolean): AcquireReply | undefined {
  return isFence(fencingToken) ? { kind: 'granted', fencingToken, leftMs, lost } : undefined;
}

const GRANTED = /^granted (\d{1,16}) (-?\d{1,15})( lost)?$/;
const QUEUED = 'queued ';
const LOST = ' lost';
const CAPACITY = /^capacity (\d{1,10})$/;

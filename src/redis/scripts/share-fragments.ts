import { FOREIGN } from './fragments.ts';
import { NEXT_FENCE, tellGrant } from './grant-fragments.ts';

/**
 * Lua that the scripts for shares have in common: semaphores and read-write locks, of which several units may be out. The
 * invariants of `fragments.ts` hold for them, too, and further:
 *
 * 7. The units in the holders are at most the capacity, and the record says how many they are.
 * 8. The line is served from its head, and only as long as there is enough for the head: nobody overtakes who wants more.
 * 9. While somebody holds units or is in line, the capacity does not change; a free name may get another.
 *
 * KEYS are 1 the record, 2 the queue, 3 the holders: a hash from owner id to `<lease end, ms> <fence> <units>`. A sole lease
 * stands in the record itself, so that locks with one holder at a time need no hash.
 */

/** No lease ends then; 13 digits, as all instants here have. */
export const NEVER = 9_999_999_999_999;

/**
 * Takes apart `record`. That of shares is `<fence><mark><lease end> <capacity> <units> <longest> <owner>` with the mark `o` for a
 * sole lease, which has that fence, and `<fence><mark><capacity> <used> <soonest> <latest> <until> <longest>` with the mark `s` for
 * a hash: `used` are the units that are out, no lease ends before `soonest` nor after `latest`, and the holders are kept `until`
 * then. Of no lease was there more than `longest` left, in ms, when it was written. Large marks say that somebody may be watching.
 * `digits` are those of the fence. Any other record is that of a mutex: `mutex` says whether that is in use. Needs READ_TIME.
 */
export const PARSE_SHARES = `
local fence, digits, watched, capacity, used, soonest, latest, keptUntil, longest = 0, '0', false, 0, 0, ${NEVER}, 0, 0, 0
local sole, mutex
if record then
  digits = string.sub(record, 1, 16)
  fence = tonumber(digits)
  local known = fence and fence >= 1e15
  local mark = string.sub(record, 17, 17)
  watched = mark == 'O' or mark == 'S' or mark == 'w'
  if not known then
    return ${FOREIGN}
  elseif mark == 'o' or mark == 'O' then
    local c, u, m
    c, u, m, sole = string.match(record, '^(%d+) (%d+) (%d+) (%S+)$', 32)
    capacity, used, longest, soonest = tonumber(c), tonumber(u), tonumber(m), tonumber(string.sub(record, 18, 30))
    latest, known = soonest, capacity and soonest
  elseif mark == 's' or mark == 'S' then
    local c, u, s, l, t, m = string.match(record, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$', 18)
    capacity, used, soonest, latest = tonumber(c), tonumber(u), tonumber(s), tonumber(l)
    keptUntil, longest = tonumber(t), tonumber(m)
    known = capacity
  elseif mark ~= '' then
    local leaseEnd = tonumber(string.sub(record, 18, 30))
    known = leaseEnd
    mutex = known and (leaseEnd > ms or redis.call('EXISTS', KEYS[2]) == 1)
  end
  if not known then return ${FOREIGN} end
end
`;

/** What a script for mutexes needs to know of the record of shares: `shareCapacity`, and whether it is `inUse`. Needs READ_TIME. */
export const LOOK_AT_SHARES = `
local shareCapacity, used, latest
if mark == 'o' or mark == 'O' then
  latest = string.sub(record, 18, 30)
  shareCapacity, used = string.match(record, '^(%d+) (%d+) %d+ %S+$', 32)
else
  shareCapacity, used, latest = string.match(record, '^(%d+) (%d+) %d+ (%d+) %d+ %d+$', 18)
end
latest = tonumber(latest)
known = shareCapacity and latest
local inUse = known and ((tonumber(used) > 0 and latest > ms) or redis.call('EXISTS', KEYS[2]) == 1)
`;

/**
 * Forgets the leases that have ended. Says in `swept` whether there may have been any, or too much is left of one: then the clock
 * of the server was set back, and who crashed would hold its units for as much longer. No more is left of any from now on than
 * was when they were written; a live holder loses nothing by that, since it counts from before then. Needs PARSE_SHARES and the
 * constants.
 */
export const SWEEP = `
local swept = ms >= soonest or latest - ms > longest
if swept then
  local lastEnd = ms + longest
  if sole and soonest > ms then
    soonest, latest = lastEnd, lastEnd
  else
    local all, over = sole and {} or redis.call('HGETALL', KEYS[3]), {}
    -- A server without memory refuses an HSET, unless the script has written before.
    if latest > lastEnd then redis.call('PEXPIRE', KEYS[1], retentionText, 'GT') end
    used, soonest, latest, sole = 0, ${NEVER}, 0, nil
    for i = 1, #all, 2 do
      local leaseEnd, rest, units = string.match(all[i + 1], '^(%d+)( %d+ (%d+))$')
      leaseEnd = tonumber(leaseEnd)
      if leaseEnd <= ms then
        over[#over + 1] = all[i]
      else
        if leaseEnd > lastEnd then
          leaseEnd = lastEnd
          redis.call('HSET', KEYS[3], all[i], string.format('%.0f', leaseEnd) .. rest)
        end
        used, soonest, latest = used + units, math.min(soonest, leaseEnd), math.max(latest, leaseEnd)
      end
    end
    for i = 1, #over, 1000 do redis.call('HDEL', KEYS[3], unpack(over, i, math.min(i + 999, #over))) end
    longest = latest - ms
  end
end
`;

/**
 * Finds the lease of `owner`: `leaseEnd` is its end, `grantedFence` its fence and `heldUnits` its units; `leaseEnd` is nil if it
 * has none that lasts. Needs PARSE_SHARES.
 */
export function find(owner: string): string {
  return `
local leaseEnd, grantedFence, heldUnits
if sole then
  if sole == ${owner} then leaseEnd, grantedFence, heldUnits = soonest, digits, used end
elseif used > 0 then
  leaseEnd, grantedFence, heldUnits = string.match(redis.call('HGET', KEYS[3], ${owner}) or '', '^(%d+) (%d+) (%d+)$')
  leaseEnd, heldUnits = tonumber(leaseEnd), tonumber(heldUnits)
end
-- While the name was that of a mutex nobody swept the hash: the leases there are nobody's, and their units not counted.
if leaseEnd and leaseEnd <= ms then leaseEnd = nil end
`;
}

/** Writes a lease into the hash. Needs PARSE_SHARES and the constants. */
export function put(owner: string, leaseEnd: string, fenceText: string, units: string): string {
  return `
redis.call('HSET', KEYS[3], ${owner}, string.format('%.0f %s %d', ${leaseEnd}, ${fenceText}, ${units}))
soonest, latest = math.min(soonest, ${leaseEnd}), math.max(latest, ${leaseEnd})
longest = math.max(longest, ${leaseEnd} - ms)
if ${leaseEnd} > keptUntil then
  keptUntil = ${leaseEnd} + retention
  redis.call('PEXPIRE', KEYS[3], string.format('%.0f', keptUntil - ms))
end
`;
}

/** Lends units to `owner`, with the fence of NEXT_FENCE. Needs PARSE_SHARES and the constants. */
export function lend(owner: string, ttl: string, units: string): string {
  return `
local lentUntil = ms + ${ttl}
if used == 0 then
  -- What is left in the hash is about to go.
  sole, soonest, latest, keptUntil, longest = ${owner}, lentUntil, lentUntil, 0, lentUntil - ms
else
  if sole then
    ${put('sole', 'soonest', 'digits', 'used')}
    sole = nil
  end
  ${put(owner, 'lentUntil', 'fenceText', units)}
end
fence, digits, used = nextFence, fenceText, used + ${units}
`;
}

/**
 * Writes the record. While somebody watches, then publishes the state, as SAVE_RECORD does: the record, and the holders behind
 * it. `record` is then what was written. Needs PARSE_SHARES, READ_TIME and the constants.
 */
export const SAVE = `
local text, state = digits, ''
-- The hash goes with its last holder.
if used == 0 then soonest, latest, keptUntil, longest = ${NEVER}, 0, 0, 0 end
if used > 0 and sole then
  text = text .. (watched and 'O' or 'o') .. soonest .. ' ' .. capacity .. ' ' .. used .. ' ' .. longest .. ' ' .. sole
elseif used > 0 or watched or redis.call('EXISTS', KEYS[2]) == 1 then
  text = text .. (watched and 'S' or 's')
    .. string.format('%d %d %.0f %.0f %.0f %d', capacity, used, soonest, latest, keptUntil, longest)
  if watched and used > 0 then state = ' ' .. table.concat(redis.call('HGETALL', KEYS[3]), ' ') end
end
local life = math.max(latest, keptUntil) - ms
redis.call('SET', KEYS[1], text, 'PX', math.max(life, 0) + retention)
if watched then
  state = now .. ' ' .. redis.call('ZCARD', KEYS[2]) .. ' ' .. text .. state
  if redis.pcall('SPUBLISH', KEYS[1] .. eventsOfKey, state) == 0 then
    redis.call('SETRANGE', KEYS[1], 16, string.lower(string.sub(text, 17, 17)))
  end
end
record = text
`;

/**
 * Grants to those in line, from the head, whose client still listens, as long as there is enough for the head, and tells them;
 * not `self`, whom the reply tells: `mine` says whether that was granted to. Needs PARSE_SHARES, the constants, `self`, and `nobody`,
 * which is true when it is known that nobody is in line. `line` is then
 *   'empty'    nobody is left in line
 *   'waiting'  there is not enough for the head
 *   'more'     1 000 dead waiters were dropped and there are more
 *   'denied'   this user may not SPUBLISH; who was at the head still is
 */
export const SERVE = `
local line, mine, dropped = nobody and 'empty' or 'waiting', false, 0
while used < capacity and not nobody do
  -- Where all units are there, the head gets what it wants.
  local all = used == 0
  local head = all and redis.call('ZPOPMIN', KEYS[2]) or redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  local waiter = head[1]
  if not waiter then
    line = 'empty'
    break
  end
  local client, ttl, units = string.match(waiter, '^([^:]+):[^:]+:(%d+):(%d+)$')
  local fits = client and used + units <= capacity
  if client and not fits and not all then break end
  -- Out of the line before it is told: a server that refuses to write refuses that, so nobody hears of a grant that is none.
  if not all then redis.call('ZREM', KEYS[2], waiter) end
  local told = 0
  if fits then
    ${NEXT_FENCE}
    told = 1
    if waiter ~= self then
      ${tellGrant('waiter', 'inboxes .. client')}
    end
    if not told then
      redis.call('ZADD', KEYS[2], head[2], waiter)
      redis.call('PEXPIRE', KEYS[2], queueTtl)
      line = 'denied'
      break
    elseif told > 0 then
      ${lend('waiter', 'ttl', 'units')}
    end
  end
  if told == 0 then dropped = dropped + 1 elseif waiter == self then mine = true end
  if dropped == 1000 then
    line = 'more'
    break
  end
end
`;

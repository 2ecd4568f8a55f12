/**
 * Lua that several scripts share. The invariants of the protocol, which every script keeps:
 *
 * 1. The record names at most one holder, and only while its lease has not ended by the server's clock.
 * 2. Every grant writes a fence that is higher than the record's last and not below the server's time in µs, so it
 *    rises even when the server has lost its data.
 * 3. Whoever frees a lock hands it, in the same step, to the first waiter in line whose client still listens.
 *    A free lock with live waiters in its queue exists only after an expiry, or when the server refuses PUBLISH.
 * 4. A queued owner id is granted to only by the queue's order: arrival scores rise strictly.
 * 5. Nothing is written to a key that holds something else than ours.
 *
 * 6. A record of nothing but the fence means that nobody is in line, so that taking such a lock need not look.
 *
 * KEYS are always 1 the record, 2 the queue. Numbers beyond 2^31 go into texts by `%.0f`: `tostring` would print them
 * as `1.79e+15`.
 */

/** What one backend's scripts have in common: part of their text, since it never changes and each argument costs. */
export interface ScriptConstants {
  /** How long a fence outlives the lease. */
  readonly retentionMs: number;
  /** How long a queue outlives its last visitor. */
  readonly queueTtlMs: number;
  /** What the channel names of all inboxes begin with. */
  readonly inboxes: string;
}

/** The constants as Lua locals. */
export function declareConstants({ retentionMs, queueTtlMs, inboxes }: ScriptConstants): string {
  const numbers = `${retentionMs}, '${retentionMs}', '${queueTtlMs}'`;
  return `local retention, retentionText, queueTtl, inboxes = ${numbers}, ${quote(inboxes)}`;
}

/** A Lua string of any bytes. */
function quote(text: string): string {
  const bytes = [...Buffer.from(text)];
  return `'${bytes.map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}'`;
}

/** The answer when a key holds what we have not written. */
export const FOREIGN = "redis.error_reply('BATONFOREIGN the key holds something that is not a lock of ours')";

/** The answer when the server does not let us tell a waiter of its grant. */
export const DENIED = `redis.error_reply('BATONDENIED this user is refused PUBLISH or PUBSUB NUMSUB on the inboxes of waiters: '
  .. 'allow it +publish +pubsub|numsub and the channels &' .. inboxes .. '*')`;

/** Reads the record's text into `record`. */
export const READ_RECORD = `
local record = redis.call('GET', KEYS[1])
`;

/**
 * Takes apart `record`, which is nil or `<fence>[ <lease end, ms> <owner>[ watched]]`, into `fence`, `leaseEnd`, `holder`, `watched`. The
 * fence has 16 digits, since it is a server time in µs, which tells a record from a number somebody else stored; the
 * lease end has 13. Fixed places, because patterns take long.
 */
export const PARSE_RECORD = `
local fence, leaseEnd, holder, watched = 0, 0, '-', false
if record then
  fence = tonumber(string.sub(record, 1, 16))
  local known = fence and fence >= 1e15
  if known and #record > 16 then
    leaseEnd, holder = tonumber(string.sub(record, 18, 30)), string.sub(record, 32)
    watched = string.sub(holder, -8) == ' watched'
    if watched then holder = string.sub(holder, 1, -9) end
    known = leaseEnd and holder ~= ''
  end
  if not known then return ${FOREIGN} end
end
`;

/** A record of a lock that nobody holds, as what follows the fence: but there may be a line, or somebody watches. */
export const NOBODY = ' 0000000000000 -';

/** Reads the server's time into `us` and `ms`. */
export const READ_TIME = `
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local ms = math.floor(us / 1000)
`;

/**
 * `save(fenceText)` writes the record: held by `holder` until `leaseEnd`, or nothing but the fence if `holder` is '-'.
 * While somebody watches, it publishes the state, `<server time, µs> <waiters> <record>`; when nobody listens any more,
 * the mark goes.
 * `grant(owner, ttl, inbox)` makes `owner` the holder after telling its inbox, if it has to be told: false when the
 * server refuses that. Both need PARSE_RECORD, READ_TIME and the constants.
 */
export const SAVE_RECORD = `
local function save(fenceText)
  local text, life = fenceText, retentionText
  if holder ~= '-' then
    text, life = fenceText .. string.format(' %.0f ', leaseEnd) .. holder, retention + leaseEnd - ms
  end
  if watched then
    local state = string.format('%.0f %d %s', us, redis.call('ZCARD', KEYS[2]), text)
    local listeners = redis.pcall('PUBLISH', KEYS[1] .. ':events', state)
    if type(listeners) == 'number' and listeners > 0 then
      text = text .. (holder == '-' and '${NOBODY}' or '') .. ' watched'
    end
  end
  redis.call('SET', KEYS[1], text, 'PX', life)
end
local function grant(owner, ttl, inbox)
  fence = math.max(fence + 1, us)
  local fenceText = string.format('%.0f', fence)
  if inbox then
    local now = fence == us and fenceText or string.format('%.0f', us)
    local told = redis.pcall('PUBLISH', inbox, 'granted ' .. owner .. ' ' .. fenceText .. ' ' .. now .. ' ' .. KEYS[1])
    if type(told) ~= 'number' then return false end
  end
  leaseEnd, holder = ms + ttl, owner
  save(fenceText)
  return true
end
`;

/**
 * `handOver(head, self)` grants to the first waiter in line whose client still listens to its inbox, and tells it.
 * `head` is what ZPOPMIN gave. Needs SAVE_RECORD. Answers:
 *   its owner id   granted; `self` is granted without a message, since the reply tells it
 *   nil            nobody is left in line
 *   nil, 'more'    1 000 dead waiters were dropped and there are more; nothing was granted
 *   nil, 'denied'  this user may not PUBLISH or ask NUMSUB; the queue is as it was
 * NUMSUB is asked, not the receiver count of PUBLISH: that counts pattern subscribers too.
 */
export const HAND_OVER = `
local deaf
-- True, false, or nil when the server does not let us know.
local function listens(inbox)
  if deaf and deaf[inbox] then return false end
  local count = redis.pcall('PUBSUB', 'NUMSUB', inbox)
  if count.err then return nil end
  if count[2] ~= 0 then return true end
  deaf = deaf or {}
  deaf[inbox] = true
  return false
end
local function handOver(head, self)
  for dropped = 1, 1000 do
    local owner = head[1]
    if not owner then return nil end
    local client, ttl = string.match(owner, '^([^:]+):[^:]+:(%d+)')
    local inbox = owner ~= self and client and inboxes .. client
    local alive = owner == self or (inbox and listens(inbox))
    if alive and grant(owner, tonumber(ttl), inbox) then return owner end
    if inbox and alive ~= false then
      redis.call('ZADD', KEYS[2], head[2], owner)
      redis.call('PEXPIRE', KEYS[2], queueTtl)
      return nil, 'denied'
    end
    head = dropped < 1000 and redis.call('ZPOPMIN', KEYS[2]) or {}
  end
  if redis.call('ZCARD', KEYS[2]) > 0 then return nil, 'more' end
  return nil
end
`;

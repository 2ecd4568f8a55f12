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
  const numbers = `${retentionMs}, '${retentionMs}', ${queueTtlMs}`;
  return `local retention, retentionText, queueTtl, inboxes = ${numbers}, ${quote(inboxes)}`;
}

/** A Lua string of any bytes. */
function quote(text: string): string {
  const bytes = [...Buffer.from(text)];
  return `'${bytes.map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}'`;
}

/**
 * Reads the record `<fence>[ <lease end, ms> <owner> [watched]]` into `fence`, `leaseEnd`, `holder`, `watched`.
 * A fence is a server time in µs and so has 16 digits, which tells a record from a number somebody else stored.
 */
export const READ_RECORD = `
local fence, leaseEnd, holder, watched = 0, 0, '-', false
local record = redis.call('GET', KEYS[1])
if record then
  fence = tonumber(string.sub(record, 1, 16))
  local known = fence and fence >= 1e15
  if known and #record > 16 then
    local e, h, w = string.match(record, '^ (%d+) (%S+) ?(%S*)$', 17)
    known, leaseEnd, holder, watched = e, tonumber(e), h, w == 'watched'
  end
  if not known then return redis.error_reply('BATONFOREIGN the key holds something that is not a lock of ours') end
end
`;

/** `readTime()` sets `us` and `ms`, the server's time, once: a script that needs no time does not ask for it. */
export const READ_TIME = `
local us, ms
local function readTime()
  if us then return end
  local time = redis.call('TIME')
  us = time[1] * 1000000 + time[2]
  ms = math.floor(us / 1000)
end
`;

/**
 * `save()` writes the record: free, or held by `holder` until `leaseEnd`. While somebody watches, it publishes the
 * state, `<server time, µs> <waiters> <record>`; when nobody listens any more, the mark goes.
 * `grantTo(owner, ttl)` makes `owner` the holder. Both need READ_RECORD, READ_TIME and the constants.
 */
export const SAVE_RECORD = `
local function save()
  local text, life
  if holder == '-' then
    -- Freeing leaves the fence as it is; a string, because numbers take long to become one.
    text, life = string.sub(record, 1, 16), retentionText
  else
    text, life = string.format('%.0f %.0f %s', fence, leaseEnd, holder), retention + leaseEnd - ms
  end
  if watched then
    readTime()
    local state = string.format('%.0f %d %s', us, redis.call('ZCARD', KEYS[2]), text)
    local listeners = redis.pcall('PUBLISH', KEYS[1] .. ':events', state)
    if type(listeners) == 'number' and listeners > 0 then
      text = text .. (holder == '-' and ' 0 - watched' or ' watched')
    end
  end
  redis.call('SET', KEYS[1], text, 'PX', life)
end
local function grantTo(owner, ttl)
  readTime()
  fence = math.max(fence + 1, us)
  leaseEnd, holder = ms + ttl, owner
  save()
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
local denied = 'BATONDENIED this user is refused PUBLISH or PUBSUB NUMSUB on the inboxes of waiters: '
  .. 'allow it +publish +pubsub|numsub and the channels &' .. inboxes .. '*'
local listening = {}
local function listens(channel)
  if listening[channel] == nil then
    local count = redis.pcall('PUBSUB', 'NUMSUB', channel)
    if count.err then return nil end
    listening[channel] = tonumber(count[2]) > 0
  end
  return listening[channel]
end
local function tell(channel, owner, ttl)
  readTime()
  local message = string.format('granted %s %.0f %d %.0f %s', owner, math.max(fence + 1, us), ttl, us, KEYS[1])
  return type(redis.pcall('PUBLISH', channel, message)) == 'number'
end
local function handOver(head, self)
  for dropped = 1, 1000 do
    local owner, score = head[1], head[2]
    if not owner then return nil end
    local client, ttl = string.match(owner, '^([^:]+):[^:]+:(%d+)')
    local channel = inboxes .. (client or '')
    local alive = owner == self or (client and listens(channel))
    if alive and owner ~= self and not tell(channel, owner, ttl) then alive = nil end
    if alive then
      grantTo(owner, tonumber(ttl))
      return owner
    end
    if client and alive == nil then
      redis.call('ZADD', KEYS[2], score, owner)
      redis.call('PEXPIRE', KEYS[2], queueTtl)
      return nil, 'denied'
    end
    head = dropped < 1000 and redis.call('ZPOPMIN', KEYS[2]) or {}
  end
  if redis.call('ZCARD', KEYS[2]) > 0 then return nil, 'more' end
  return nil
end
`;

/**
 * Lua that several scripts share. The invariants of the protocol, which every script keeps:
 *
 * 1. The record names at most one holder, and only while its lease has not ended by the server's clock.
 * 2. Every grant writes a fence that is higher than the record's last and not below the server's time in µs, so it
 *    rises even when the server has lost its data.
 * 3. Whoever frees a lock hands it, in the same step, to the first waiter in line whose client still listens.
 *    A free lock with live waiters in its queue exists only after an expiry, or when the server refuses SPUBLISH.
 * 4. A queued owner id is granted to only by the queue's order: arrival scores rise strictly.
 * 5. Nothing is written to a key that holds something else than ours.
 * 6. A record of nothing but the fence, or with a blank as its mark, means that nobody is in line, so that taking or
 *    releasing such a lock need not look.
 *
 * KEYS are always 1 the record, 2 the queue. Numbers of more than 14 digits go into texts by `%.0f`: `..` would print them
 * as `1.79e+15`. It is the faster of the two, though.
 */

/** What one backend's scripts have in common: part of their text, since it never changes and each argument costs. */
export interface ScriptConstants {
  /** How long a fence outlives the lease. */
  readonly retentionMs: number;
  /** How long a queue outlives its last visitor. */
  readonly queueTtlMs: number;
  /** What follows the key in the name of the channel of its events. */
  readonly eventsOfKey: string;
  /** What the channel names of all inboxes begin with; or what follows the record's key in the names of its own. */
  readonly inboxes: { readonly ofAll: string } | { readonly ofKey: string };
}

/** The constants as Lua locals, and `ownInbox`, see `tellGrant`. */
export function declareConstants({ retentionMs, queueTtlMs, eventsOfKey, inboxes }: ScriptConstants): string {
  const fixed = `${retentionMs}, '${retentionMs}', '${queueTtlMs}', '${eventsOfKey}'`;
  const channels = 'ofAll' in inboxes ? quote(inboxes.ofAll) : `KEYS[1] .. ${quote(inboxes.ofKey)}`;
  return `local ownInbox\nlocal retention, retentionText, queueTtl, eventsOfKey, inboxes = ${fixed}, ${channels}`;
}

/** A Lua string of any bytes. */
function quote(text: string): string {
  const bytes = [...Buffer.from(text)];
  return `'${bytes.map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}'`;
}

/** The answer when a key holds what we have not written. */
export const FOREIGN = "redis.error_reply('BATONFOREIGN the key holds something that is not a lock of ours')";

/** The answer when the server does not let us tell a waiter of its grant. */
export const DENIED = `redis.error_reply('BATONDENIED this user is refused PUBSUB SHARDNUMSUB or SPUBLISH on the inboxes of waiters: '
  .. 'allow it +pubsub|shardnumsub, +spublish and the channels &' .. inboxes .. '*')`;

/**
 * The answer of a server before Redis 7, which has no sharded channels; only from then on does Lua know the version's number.
 */
export const REFUSE_OLD = `
if not redis.REDIS_VERSION_NUM then
  return redis.error_reply('BATONOLD Redis 7 or newer is needed, or Valkey, for sharded channels')
end
`;

/** Reads the record's text into `record`. */
export const READ_RECORD = `
local record = redis.call('GET', KEYS[1])
`;

/** What a record is taken apart into, as it is when there is none. `mark` is one of ' ', 'q' and 'w', see parseRecord. */
export const RECORD_FIELDS = `
local fence, mark, leaseEnd, holder = 0, ' ', 0, '-'
`;

/** Whether a record with this mark is that of shares; `s` and `S` with a hash behind it, `o` and `O` of a sole lease. */
export const IS_OF_SHARES = "(mark == 'o' or mark == 's' or mark == 'O' or mark == 'S')";

/**
 * Takes apart `record`, which is nil or `<fence>[<mark><lease end, ms> <owner>]`. The mark is a blank, `q` if somebody
 * may be in line, or `w` if somebody may be watching, and maybe in line. The fence has 16 digits, since it is a server time
 * in µs, which tells a record from a number somebody else stored; the lease end has 13, and `+` in the place of the blank
 * behind it if the lease is longer than the owner id says. Fixed places, because patterns take long. `onShares` is what to do
 * with the record of a semaphore or a read-write lock, which has another mark. Needs RECORD_FIELDS.
 */
export function parseRecord(onShares: string): string {
  return `
if record then
  fence = tonumber(string.sub(record, 1, 16))
  local known = fence and fence >= 1e15
  if known and #record > 16 then
    mark = string.sub(record, 17, 17)
    if mark ~= ' ' and mark ~= 'q' and mark ~= 'w' then
      known = ${IS_OF_SHARES}
      if known then
        ${onShares}
      end
    else
      leaseEnd, holder = tonumber(string.sub(record, 18, 30)), string.sub(record, 32)
      known = leaseEnd and holder ~= ''
    end
  end
  if not known then return ${FOREIGN} end
end
`;
}

/** What follows fence and mark in the record of a lock that nobody holds: but there may be a line, or somebody watches. */
export const NOBODY = '0000000000000 -';

/** Reads the server's time into `us`, as digits into `now`, and into `ms`. */
export const READ_TIME = `
local time = redis.call('TIME')
local us, now = time[1] * 1000000 + time[2], time[1] .. string.sub('00000' .. time[2], -6)
local ms = (us - us % 1000) / 1000
`;

/** Finds in the text `owner` the TTL that an owner id says; nil if it is none. */
export function ttlIn(owner: string): string {
  return `tonumber(string.match(${owner}, '^[^:]*:[^:]*:(%d+)'))`;
}

/** A lease that ends within so many ms is not looked at more closely: that would cost everybody who gets in line. */
const LONG_MS = 60_000;

/**
 * From when somebody else finds it in the way, a lease has no more than its TTL left. It says so itself, unless the server's
 * clock was set back: then who crashed would hold the lock for as much longer. A live holder loses nothing by that, since it
 * counts its TTL from before that moment. What ends within the TTL that is asked for, and a minute, is left as it is.
 * Needs RECORD_FIELDS, READ_TIME, and `ttl`, which is asked for.
 */
export const END_IN_TIME = `
if leaseEnd - ms > math.min(ttl, ${LONG_MS}) and string.sub(record, 31, 31) == ' ' then
  local length = ${ttlIn('holder')}
  if length and leaseEnd - ms > length then
    leaseEnd = ms + length
    local digits = string.format('%.0f', leaseEnd)
    redis.call('SETRANGE', KEYS[1], 17, digits)
    record = string.sub(record, 1, 17) .. digits .. string.sub(record, 31)
  end
end
`;

/**
 * Puts an owner id in line: where it was, if it says by `place` that it had one, else strictly after everybody, also when two
 * arrive in one µs or the server's clock was set back. `last` is who is the last in line, with the score. `arrival` is then its
 * score, as digits, and `lost` says whether the line knew nothing of that place. Needs READ_TIME and the constants. Texts stay
 * texts, since a number of 16 digits takes as long to print as a short command.
 */
export function lineUp(owner: string): string {
  return `
local arrival = place or now
if not place and last[2] and tonumber(last[2]) >= us then arrival = string.format('%.0f', last[2] + 1) end
if redis.call('ZADD', KEYS[2], 'NX', arrival, ${owner}) == 0 then
  arrival = string.format('%.0f', redis.call('ZSCORE', KEYS[2], ${owner}))
elseif place then
  lost = ' lost'
end
redis.call('PEXPIRE', KEYS[2], queueTtl)
`;
}

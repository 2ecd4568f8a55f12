import { NOBODY } from './fragments.ts';

/**
 * Lua for the scripts that write a record: how a lock is granted, told, written and handed over. They are blocks and not functions:
 * with each run of a script a function is made anew, and a cell for each local of another that it uses, and for a few functions
 * that takes as long as calling a command or two.
 */

/** Makes `nextFence`, and `fenceText`, its digits. Needs `fence`, and READ_TIME. */
export const NEXT_FENCE = `
local nextFence, fenceText = us, now
if fence >= us then
  nextFence = fence + 1
  fenceText = string.format('%.0f', nextFence)
end
`;

/**
 * Tells `inbox` of the grant to `owner` with the fence of NEXT_FENCE. `told` is then how many listen there, or nil when the server
 * refuses that. Whom nobody hears here must not be told at all: replicas pass a message on, and on one that was the master before
 * there may be somebody who still listens and would believe it. Who listens is what PUBSUB SHARDNUMSUB answers; PUBLISH would count
 * those who listen to a pattern, too.
 *
 * `ownInbox` is nil, or a channel to which the releaser's own connection listens, so that whoever is told is written to before
 * the releaser. In each turn of its loop a server writes first to the connection for which there was something last, and each
 * write that wakes a process takes longer than a script; the answer to a script always comes last. With a message there, of no
 * meaning, the releaser's connection comes first.
 */
export function tellGrant(owner: string, inbox: string): string {
  return `
local inbox = ${inbox}
told = redis.pcall('PUBSUB', 'SHARDNUMSUB', inbox)[2]
if told ~= 0 then
  if ownInbox then redis.pcall('SPUBLISH', ownInbox, '') end
  told = redis.pcall('SPUBLISH', inbox, 'granted ' .. ${owner} .. ' ' .. fenceText .. ' ' .. now .. ' ' .. KEYS[1])
end
if type(told) ~= 'number' then told = nil end
`;
}

/**
 * `writeAnyway(write, ...)` calls `write`, which takes no more memory than there is already, also when the server is out of
 * memory: it minds only as long as a script has written nothing. Any other refusal is one of PEXPIRE, too. Needs the constants.
 */
export const WRITE_ANYWAY = `
local function writeAnyway(write, ...)
  if not pcall(write, ...) then
    redis.call('PEXPIRE', KEYS[1], retentionText, 'GT')
    write(...)
  end
end
`;

/**
 * Writes the record: the fence in `fenceText`, held by `holder` until `leaseEnd`, or nothing but the fence if `holder` is '-'.
 * While somebody watches, then publishes the state, `<server time, µs> <waiters> <record>`, not before, since the server may
 * refuse to write; when nobody listens any more, the mark goes. `record` is then what was written. Needs RECORD_FIELDS, READ_TIME
 * and the constants.
 */
export const SAVE_RECORD = `
local text, life = fenceText, retentionText
if holder ~= '-' then
  text, life = fenceText .. mark .. leaseEnd .. ' ' .. holder, retention + leaseEnd - ms
elseif mark == 'w' then
  text = fenceText .. 'w${NOBODY}'
end
redis.call('SET', KEYS[1], text, 'PX', life)
if mark == 'w' then
  local listeners = redis.pcall('SPUBLISH', KEYS[1] .. eventsOfKey, now .. ' ' .. redis.call('ZCARD', KEYS[2]) .. ' ' .. text)
  if listeners == 0 then
    text = holder == '-' and fenceText or fenceText .. 'q' .. string.sub(text, 18)
    redis.call('SET', KEYS[1], text, 'KEEPTTL')
  end
end
record = text
`;

/** Makes `owner` the holder, with the fence of NEXT_FENCE; `line` is the mark for what is known of the line behind it. */
export function grant(owner: string, ttl: string, line: 'q' | ' '): string {
  return `
fence, leaseEnd, holder = nextFence, ms + ${ttl}, ${owner}
if mark ~= 'w' then mark = '${line}' end
${SAVE_RECORD}
`;
}

/**
 * Grants to the first waiter in line whose client still listens to its inbox, and tells it; `self` is one that is granted without
 * a message, since the reply tells it. `head` is what ZPOPMIN gave. Needs RECORD_FIELDS, READ_TIME and the constants. Then `taker`
 * is the owner id of who was granted to, if there was any, and `obstacle` is
 *   nil        nobody is left in line, or it was granted
 *   'more'     1 000 dead waiters were dropped and there are more; nothing was granted
 *   'denied'   this user may not SPUBLISH; the queue is as it was
 */
export function handOver(self?: string): string {
  const tell = tellGrant('waiter', 'inboxes .. client');
  return `
local taker, obstacle
for dropped = 1, 1000 do
  local waiter = head[1]
  if not waiter then break end
  local client, ttl = string.match(waiter, '^([^:]+):[^:]+:(%d+)')
  if client then
    ${NEXT_FENCE}
    local told = 1
    ${self === undefined ? `do ${tell} end` : `if waiter ~= ${self} then ${tell} end`}
    if not told then
      redis.call('ZADD', KEYS[2], head[2], waiter)
      redis.call('PEXPIRE', KEYS[2], queueTtl)
      obstacle = 'denied'
      break
    elseif told > 0 then
      ${grant('waiter', 'ttl', 'q')}
      taker = waiter
      break
    end
  end
  if dropped < 1000 then
    head = redis.call('ZPOPMIN', KEYS[2])
  elseif redis.call('ZCARD', KEYS[2]) > 0 then
    obstacle = 'more'
  end
end
`;
}

import { NOBODY } from './fragments.ts';

// Lua for the scripts that write a record: how a lock is granted, told, written and handed over.

/**
 * Makes the next fence, and tells `inbox` of the grant to `owner`, if there is one to be told; `told` is how many listen there.
 * Returns nil from the function that it is part of when the server refuses that. Whom nobody hears here must not be told at all:
 * replicas pass a message on, and on one that was the master before there may be somebody who still listens and would believe it.
 *
 * `ownInbox` is nil, or a channel to which the releaser's own connection listens, so that whoever is told is written to before
 * the releaser. In each turn of its loop a server writes first to the connection for which there was something last, and each
 * write that wakes a process takes longer than a script; the answer to a script always comes last. With a message there, of no
 * meaning, the releaser's connection comes first.
 */
export const TELL_GRANT = `
  local nextFence, fenceText = us, now
  if fence >= us then
    nextFence = fence + 1
    fenceText = string.format('%.0f', nextFence)
  end
  local told = 1
  if inbox then
    told = redis.pcall('PUBSUB', 'SHARDNUMSUB', inbox)[2]
    if told ~= 0 then
      if ownInbox then redis.pcall('SPUBLISH', ownInbox, '') end
      told = redis.pcall('SPUBLISH', inbox, 'granted ' .. owner .. ' ' .. fenceText .. ' ' .. now .. ' ' .. KEYS[1])
    end
    if type(told) ~= 'number' then return nil end
  end
`;

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
 * `save(fenceText)` writes the record: held by `holder` until `leaseEnd`, or nothing but the fence if `holder` is '-'.
 * While somebody watches, it then publishes the state, `<server time, µs> <waiters> <record>`, not before, since the server may
 * refuse to write; when nobody listens any more, the mark goes.
 * `grant(owner, ttl, line, inbox)` makes `owner` the holder, after telling its inbox if there is one to be told; `line` is
 * the mark for what is known of the line behind it. Answers how many listen there, or nil when the server refuses that;
 * unless somebody listens, nothing is granted. Both need RECORD_FIELDS, READ_TIME and the constants.
 */
export const SAVE_RECORD = `
local function save(fenceText)
  local text, life = fenceText, retentionText
  if holder ~= '-' then
    text, life = fenceText .. mark .. string.format('%.0f ', leaseEnd) .. holder, retention + leaseEnd - ms
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
end
local function grant(owner, ttl, line, inbox)
  ${TELL_GRANT}
  if told > 0 then
    fence, leaseEnd, holder = nextFence, ms + ttl, owner
    if mark ~= 'w' then mark = line end
    save(fenceText)
  end
  return told
end
`;

/**
 * `handOver(head, self)` grants to the first waiter in line whose client still listens to its inbox, and tells it.
 * `head` is what ZPOPMIN gave. Needs SAVE_RECORD. Answers:
 *   its owner id   granted; `self` is granted without a message, since the reply tells it
 *   nil            nobody is left in line
 *   nil, 'more'    1 000 dead waiters were dropped and there are more; nothing was granted
 *   nil, 'denied'  this user may not SPUBLISH; the queue is as it was
 * Who listens is what PUBSUB SHARDNUMSUB answers; PUBLISH would count those who listen to a pattern, too.
 */
export const HAND_OVER = `
local function handOver(head, self)
  for dropped = 1, 1000 do
    local owner = head[1]
    if not owner then return nil end
    local client, ttl = string.match(owner, '^([^:]+):[^:]+:(%d+)')
    if client then
      local told = grant(owner, ttl, 'q', owner ~= self and inboxes .. client)
      if not told then
        redis.call('ZADD', KEYS[2], head[2], owner)
        redis.call('PEXPIRE', KEYS[2], queueTtl)
        return nil, 'denied'
      end
      if told > 0 then return owner end
    end
    head = dropped < 1000 and redis.call('ZPOPMIN', KEYS[2]) or {}
  end
  if redis.call('ZCARD', KEYS[2]) > 0 then return nil, 'more' end
  return nil
end
`;

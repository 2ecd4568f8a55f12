import { HIGHEST_COUNT } from '../../core/counter-store.ts';
import { Script } from '../script.ts';
import { READ_TIME, REFUSE_OLD, type ScriptConstants } from './fragments.ts';

/**
 * Reads a counter, or takes a client's next steps on it, in their order, as if each had been sent alone: set, increment,
 * decrement (not below 0, and refused when there is no counter), delete. What is refused changes nothing. The counter is a
 * key of nothing but its digits, so that a person can read it; a counter that is not there counts as −1.
 *
 * A request that arrives again must not count again. So each client numbers its requests, has one under way at a time, and
 * the number of its latest with what it found is kept; the client works out from that, by the same rules, what to tell the
 * callers. A number lower than the latest belongs to a request that the client has given up: it changes nothing any more.
 *
 * As soon as the counter comes to 0 or is deleted it says so on its channel, `<KEYS[1]><eventsOfKey>`: `<server time, µs> <0 or
 * −1>`. Of several such events in one request it says the first, since that ends the wait of all who wait by then. It
 * is said before the counter is written, so that a user who may not say it changes nothing.
 *
 * KEYS  1 counter, 2 this client's latest request, `<number> <what the counter was before>`
 * ARGV  1 'read', or the number of the request, followed by four for each run of equal steps:
 *       step ('set', 'increment', 'decrement' or 'delete'), value or amount, TTL (ms), how many times
 * Replies
 *   to 'read'   `<server time, µs> <value> <time left, ms>`
 *   else        what the counter was before the request; `stale` when the number is lower than the latest
 */
export function countScript({
  retentionMs,
  eventsOfKey,
}: Pick<ScriptConstants, 'retentionMs' | 'eventsOfKey'>): Script {
  return new Script(`
${REFUSE_OLD}
local request, latest = ARGV[1], nil
if request ~= 'read' then
  latest = redis.call('GET', KEYS[2])
  local number, found = string.match(latest or '', '^(%d+) (-?%d+)$')
  if number == request then return found end
  if number and tonumber(number) > tonumber(request) then return 'stale' end
end
local text, before = redis.call('GET', KEYS[1]), -1
if text then
  before = string.find(text, '^%d+$') and tonumber(text)
  if not before or before > ${HIGHEST_COUNT} or string.format('%.0f', before) ~= text then
    return redis.error_reply('BATONFOREIGN the key holds something that is not a counter of ours')
  end
end
if request == 'read' then
  ${READ_TIME}
  return now .. ' ' .. string.format('%.0f', before) .. ' ' .. redis.call('PTTL', KEYS[1])
end
local value, life, event = before, nil, nil
for i = 2, #ARGV, 4 do
  local step, by, ttl = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  for _ = 1, tonumber(ARGV[i + 3]) do
    local after = value
    if step == 'set' then
      after = by
    elseif step == 'delete' then
      after = -1
    elseif step == 'increment' then
      after = math.max(value, 0) + by
    elseif value >= 0 then
      after = math.max(value - by, 0)
    end
    if after > ${HIGHEST_COUNT} then
      after = value
    elseif after >= 0 then
      life = ttl
    end
    if after <= 0 and after ~= value then event = event or after end
    value = after
  end
end
local found = string.format('%.0f', before)
if value == before and not life then return found end
redis.call('SET', KEYS[2], request .. ' ' .. found, 'PX', ${retentionMs})
if event then
  ${READ_TIME}
  if type(redis.pcall('SPUBLISH', KEYS[1] .. '${eventsOfKey}', now .. ' ' .. event)) ~= 'number' then
    redis.call('DEL', KEYS[2])
    if latest then redis.call('SET', KEYS[2], latest, 'PX', ${retentionMs}) end
    return redis.error_reply('BATONDENIED this user is refused SPUBLISH on the channels of counters: '
      .. 'allow it +spublish and the channel &' .. KEYS[1] .. '${eventsOfKey}')
  end
end
if value < 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], string.format('%.0f', value), 'PX', life)
end
return found
`);
}

/** A counter as the server saw it at one moment. */
export interface TimedCount {
  readonly serverUs: number;
  readonly value: number;
  /** −1 when it has no end, or is not there. */
  readonly ttlMs: number;
}

/** Undefined for a text that our script cannot have written. */
export function parseCount(text: unknown): TimedCount | undefined {
  const match = typeof text === 'string' ? COUNT.exec(text) : null;
  if (!match) return undefined;
  const [, serverUs, value, ttlMs] = match;
  const count = { serverUs: Number(serverUs), value: Number(value), ttlMs: Number(ttlMs) };
  return count.value <= HIGHEST_COUNT ? count : undefined;
}

const COUNT = /^(\d{1,16}) (-1|\d{1,16}) (-?\d{1,15})$/;

/** What a counter says on its channel: that it came to 0, or is gone. Undefined as for `parseCount`. */
export function parseCountEvent(text: string): Pick<TimedCount, 'serverUs' | 'value'> | undefined {
  const [, serverUs, value] = COUNT_EVENT.exec(text) ?? [];
  return serverUs === undefined ? undefined : { serverUs: Number(serverUs), value: Number(value) };
}

const COUNT_EVENT = /^(\d{1,16}) (0|-1)$/;

import type { LockState } from '../../core/backend.ts';
import { clientOf } from '../../core/owner.ts';
import { Script } from '../script.ts';
import {
  declareConstants,
  NOBODY,
  PARSE_RECORD,
  READ_RECORD,
  READ_TIME,
  RECORD_FIELDS,
  type ScriptConstants,
} from './fragments.ts';

/**
 * Reads a lock's state, and marks the lock as watched if asked to: from then on each grant and release publishes
 * the new state, until nobody listens any more.
 *
 * KEYS  1 record, 2 queue
 * ARGV  1 'watch' to mark, else ''
 * Reply `<server time, µs> <waiters> <record>`, the same text that is published
 */
export function inspectScript(constants: ScriptConstants): Script {
  return new Script(`
${READ_RECORD}
${RECORD_FIELDS}
${PARSE_RECORD}
${declareConstants(constants)}
${READ_TIME}
if ARGV[1] == 'watch' and mark ~= 'w' then
  if not record then
    redis.call('SET', KEYS[1], now .. 'w${NOBODY}', 'PX', retentionText)
  elseif #record == 16 then
    redis.call('SET', KEYS[1], record .. 'w${NOBODY}', 'KEEPTTL')
  else
    redis.call('SETRANGE', KEYS[1], 16, 'w')
  end
end
return now .. ' ' .. redis.call('ZCARD', KEYS[2]) .. ' ' .. (record or '')
`);
}

/** A state text, and the server time in µs at which it was so. */
export interface TimedState {
  readonly serverUs: number;
  readonly state: LockState;
}

/** Undefined for a text that our scripts cannot have written. */
export function parseState(name: string, text: unknown): TimedState | undefined {
  const match = typeof text === 'string' ? STATE.exec(text) : null;
  if (!match) return undefined;
  const [, serverUs, waiters, fence, leaseEnd, owner] = match;
  const remainingTtl = Math.max(0, Math.ceil(Number(leaseEnd ?? 0) - Number(serverUs) / 1_000));
  const held = owner !== undefined && owner !== '-' && remainingTtl > 0;
  const holders = held
    ? [{ owner, client: clientOf(owner), units: 1, fencingToken: Number(fence), remainingTtl }]
    : [];
  return {
    serverUs: Number(serverUs),
    state: { name, capacity: 1, holders, waiters: Number(waiters) },
  };
}

const STATE = /^(\d+) (\d+) (?:(\d{16})(?:[ qw](\d+) (\S+))?)?$/;

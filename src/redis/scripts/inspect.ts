import type { Holder, LockState } from '../../core/backend.ts';
import { clientOf } from '../../core/owner.ts';
import { isFence } from '../outcome.ts';
import { Script } from '../script.ts';
import {
  declareConstants,
  IS_OF_SHARES,
  NOBODY,
  parseRecord,
  READ_RECORD,
  READ_TIME,
  RECORD_FIELDS,
  type ScriptConstants,
} from './fragments.ts';

/**
 * Reads a lock's state, and marks the lock as watched if asked to: from then on each grant and release publishes
 * the new state, until nobody listens any more.
 *
 * KEYS  1 record, 2 queue, 3 holders
 * ARGV  1 'watch' to mark, else ''
 * Reply `<server time, µs> <waiters> <record>`, the same text that is published; with ` <owner> <lease end, ms> <fence> <units>`
 *       behind it for each holder of a semaphore or read-write lock that the record does not have
 */
export function inspectScript(constants: ScriptConstants): Script {
  return new Script(
    `
${READ_RECORD}
${RECORD_FIELDS}
${parseRecord('')}
${declareConstants(constants)}
${READ_TIME}
local shares = ${IS_OF_SHARES}
local watched = shares and string.upper(mark) or 'w'
if ARGV[1] == 'watch' and mark ~= watched then
  if not record then
    redis.call('SET', KEYS[1], now .. 'w${NOBODY}', 'PX', retentionText)
  elseif #record == 16 then
    redis.call('SET', KEYS[1], record .. 'w${NOBODY}', 'KEEPTTL')
  else
    redis.call('SETRANGE', KEYS[1], 16, watched)
  end
end
local state = now .. ' ' .. redis.call('ZCARD', KEYS[2]) .. ' ' .. (record or '')
if mark == 's' or mark == 'S' then state = state .. ' ' .. table.concat(redis.call('HGETALL', KEYS[3]), ' ') end
return state
`,
    3,
  );
}

/** A state text, and the server time in µs at which it was so. */
export interface TimedState {
  readonly serverUs: number;
  readonly state: LockState;
}

/** Undefined for a text that our scripts cannot have written. */
export function parseState(name: string, text: unknown): TimedState | undefined {
  if (typeof text !== 'string') return undefined;
  const [, us, waiters, record] = STATE.exec(text) ?? [];
  if (us === undefined || record === undefined) return undefined;
  const serverUs = Number(us);
  const leases = leasesIn(record);
  if (!leases?.held.every(({ fencingToken }) => isFence(fencingToken))) return undefined;
  const holders = leases.held.flatMap(({ owner, leaseEnd, fencingToken, units }): Holder[] => {
    const remainingTtl = Math.ceil(leaseEnd - serverUs / 1_000);
    return remainingTtl > 0 ? [{ owner, client: clientOf(owner), units, fencingToken, remainingTtl }] : [];
  });
  // A record may still say what the capacity was, when nobody has any of it left.
  const inUse = holders.length > 0 || Number(waiters) > 0;
  const capacity = inUse ? leases.capacity : 1;
  return { serverUs, state: { name, capacity, holders, waiters: Number(waiters) } };
}

interface Leases {
  readonly capacity: number;
  readonly held: readonly {
    readonly owner: string;
    readonly leaseEnd: number;
    readonly fencingToken: number;
    readonly units: number;
  }[];
}

function leasesIn(record: string): Leases | undefined {
  const [, fence, leaseEnd, owner] = MUTEX.exec(record) ?? [];
  if (fence !== undefined) {
    const held = owner !== undefined && owner !== '-';
    const lease = { owner: owner ?? '', leaseEnd: Number(leaseEnd), fencingToken: Number(fence), units: 1 };
    return { capacity: 1, held: held ? [lease] : [] };
  }
  const [, soleFence, end, soleCapacity, units, soleOwner = ''] = SOLE.exec(record) ?? [];
  if (soleFence !== undefined) {
    const lease = {
      owner: soleOwner,
      leaseEnd: Number(end),
      fencingToken: Number(soleFence),
      units: Number(units),
    };
    return { capacity: Number(soleCapacity), held: [lease] };
  }
  const [, capacity, rest] = SHARES.exec(record) ?? [];
  if (capacity === undefined || rest === undefined)
    return record === '' ? { capacity: 1, held: [] } : undefined;
  const held = [...rest.matchAll(SHARE)].map(([, holder = '', end, token, units]) => {
    return { owner: holder, leaseEnd: Number(end), fencingToken: Number(token), units: Number(units) };
  });
  // In the order of the grants; a hash has none.
  held.sort((one, other) => one.fencingToken - other.fencingToken);
  return { capacity: Number(capacity), held };
}

const STATE = /^(\d{1,16}) (\d{1,15}) (.*)$/;
const MUTEX = /^(\d{16})(?:[ qw](\d{1,15})[ +](\S+))?$/;
const SOLE = /^(\d{16})[oO](\d{1,15}) (\d{1,10}) (\d{1,10}) \d+ (\S+)$/;
const SHARES = /^\d{16}[sS](\d{1,10}) \d+ \d+ \d+ \d+ \d+(.*)$/;
const SHARE = / (\S+) (\d{1,15}) (\d{1,16}) (\d{1,10})/g;

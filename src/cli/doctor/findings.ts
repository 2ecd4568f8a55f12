import type { ServerFacts } from '../../redis/server-facts.ts';
import { showDuration } from '../duration.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly found: string;
  /** `note`: right for some, to be decided; `change`: locks are not safe, or do not work, as it is. */
  readonly verdict: 'ok' | 'note' | 'change';
  /** What to change, and why. */
  readonly advice?: string;
}

const OLDEST_MAJOR = 7;
/** Beyond this nobody keeps the clocks together. */
const CLOCKS_APART_MS = 1_000;

/** What the settings of a Redis server mean for locks; docs/reliability.md says why. */
export function findingsOf(facts: ServerFacts): Finding[] {
  const { user = 'unknown' } = facts;
  return [
    version(facts),
    { check: 'user', found: user, ...OK },
    eviction(facts),
    persistence(facts),
    replication(facts),
    clock(facts),
  ];
}

function version({ product, version: found }: ServerFacts): Finding {
  if (found === undefined) return unknown('version', 'allow this user +info');
  // Valkey began where Redis 7.2 was.
  const old = Number.parseInt(found, 10) < OLDEST_MAJOR;
  const advice = `upgrade to Redis ${OLDEST_MAJOR} or newer, or Valkey: locks need sharded pub/sub`;
  return { check: 'version', found: `${product} ${found}`, ...(old ? { verdict: 'change', advice } : OK) };
}

function eviction({ settings }: ServerFacts): Finding {
  const policy = settings['maxmemory-policy'];
  if (policy === undefined) return unknown('eviction', 'allow this user +info');
  const limit = Number(settings.maxmemory ?? 0) > 0 ? 'with a maxmemory' : 'without a maxmemory';
  const found = `${policy}, ${limit}`;
  if (policy === 'noeviction') return { check: 'eviction', found, ...OK };
  const advice =
    'CONFIG SET maxmemory-policy noeviction: when its memory is full this server may drop the key of a lock that is held';
  return { check: 'eviction', found, verdict: 'change', advice };
}

function persistence({ settings: { appendonly, appendfsync, save } }: ServerFacts): Finding {
  const check = 'persistence';
  if (appendonly === undefined) return unknown(check, 'allow this user +info or +config|get');
  if (appendonly === 'yes') {
    const found = `appendonly yes${appendfsync === undefined ? '' : `, appendfsync ${appendfsync}`}`;
    if (appendfsync === 'always') return { check, found, ...OK };
    const advice = 'CONFIG SET appendfsync always, where not even the last second of grants may be forgotten';
    return { check, found, verdict: 'note', advice };
  }
  const found = save ? `snapshots only (save ${save})` : 'none';
  const advice =
    'CONFIG SET appendonly yes, or keep a server that has died away for the longest TTL in use: ' +
    'one that has forgotten who holds what grants at once';
  return { check, found, verdict: 'note', advice };
}

function replication({ role, replicas, settings }: ServerFacts): Finding {
  const check = 'replication';
  const found =
    role === undefined ? 'unknown' : `${role} with ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
  if (role === 'slave') {
    return {
      check,
      found: 'a replica',
      verdict: 'change',
      advice: 'give the URL of its master: a replica grants nothing',
    };
  }
  const least = settings['min-replicas-to-write'];
  if (replicas === 0 || least === undefined || Number(least) > 0) return { check, found, ...OK };
  const advice =
    'CONFIG SET min-replicas-to-write 1: a master that is cut off then stops granting beside a new one';
  return { check, found: `${found}, min-replicas-to-write 0`, verdict: 'note', advice };
}

function clock({ clockOffsetMs, roundTripMs }: ServerFacts): Finding {
  const apart = Math.abs(clockOffsetMs);
  const direction = clockOffsetMs >= 0 ? 'ahead of' : 'behind';
  const found = `${showDuration(apart)} ${direction} ours, round trip ${roundTripMs.toFixed(1)} ms`;
  if (apart <= CLOCKS_APART_MS) return { check: 'clock', found, ...OK };
  const advice =
    'run NTP on both: locks do not mind the difference, but when it is mended by a step, leases end early or late';
  return { check: 'clock', found, verdict: 'note', advice };
}

const OK = { verdict: 'ok' } as const;

function unknown(check: string, advice: string): Finding {
  return {
    check,
    found: 'unknown: this user may not ask',
    verdict: 'note',
    advice: `${advice}, to have it checked`,
  };
}

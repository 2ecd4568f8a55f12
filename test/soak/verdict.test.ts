import { describe, expect, it } from 'vitest';
import { Chance } from '../chaos/chance.ts';
import type { Sample, SoakRun } from './samples.ts';
import { trendOf } from './trend.ts';
import { judge } from './verdict.ts';

const KIBIBYTE = 1_024;
const MINUTES = 10;
const SAMPLES = 120;

const AT_REST = {
  'held leases': 0,
  'listeners of the signal': 0,
  'listeners of redis: end': 3,
  'handles: TCPSocketWrap': 2,
  keys: 0,
  channels: 1,
  'connected clients': 3,
};

const ENDS = Object.fromEntries(
  [
    ...['granted', 'refused', 'released', 'aborted', 'task done', 'task failed', 'refreshed', 'resumed'],
    ...['seen', 'reached', 'downgraded', 'closed', 'ERR_LOCK_TIMEOUT', 'ERR_LOCK_CLOSED'],
    ...['ERR_LOCK_LOST taken', 'ERR_LOCK_LOST forced', 'ERR_COUNTER_EXPIRED', 'ERR_LOCK_BACKEND'],
  ].map((end) => [end, 1_000]),
);

function sample(change: Partial<Sample> = {}): Sample {
  return { atMs: 0, heapBytes: 12e6, redisBytes: 1.5e6, grants: 0, counts: AT_REST, ...change };
}

/** Samples of a heap that goes up and down by as much as 100 KiB, and up by so much in all. */
function busy(growthBytes = 0, from = 0): Sample[] {
  const chance = new Chance(1);
  return Array.from({ length: SAMPLES }, (_, index) => {
    const grown = growthBytes * Math.max(0, (index / SAMPLES - from) / (1 - from));
    const heapBytes = 12e6 + chance.between(-100, 100) * KIBIBYTE + grown;
    return sample({ atMs: (index * MINUTES * 60_000) / SAMPLES, heapBytes, counts: { keys: 5_000 } });
  });
}

/** The same within six seconds. */
function short(growthBytes: number): Sample[] {
  return busy(growthBytes).map((each) => ({ ...each, atMs: each.atMs / 100 }));
}

function soakRun(change: Partial<SoakRun> = {}): SoakRun {
  return {
    ...{ seed: 1, minutes: MINUTES, start: sample(), busy: busy(), end: sample(), leftKeys: [], closed: {} },
    ...{ ends: ENDS, kills: { subscribers: 9, processes: 9 }, names: 10_000 },
    ...change,
  };
}

/** Ends with so many of something. */
function endsWith(counts: Sample['counts']): Partial<SoakRun> {
  return { end: sample({ counts: { ...AT_REST, ...counts } }) };
}

function without(end: string): SoakRun['ends'] {
  return Object.fromEntries(Object.entries(ENDS).filter(([each]) => each !== end));
}

describe('the verdict on a soak', () => {
  it('is content when everything is back', () => {
    expect(judge(soakRun())).toEqual([]);
  });

  it.each<[string, Partial<SoakRun>, RegExp]>([
    [
      'a listener on the connection',
      endsWith({ 'listeners of redis: end': 4 }),
      /^\+1 listeners of redis: end$/,
    ],
    [
      'a listener that was not there',
      endsWith({ 'listeners of redis: wait': 2 }),
      /^\+2 listeners of redis: wait$/,
    ],
    ['a listener on the signal', endsWith({ 'listeners of the signal': 1 }), /^\+1 listeners of the signal$/],
    ['a timer', endsWith({ 'handles: Timeout': 1 }), /^\+1 handles: Timeout$/],
    ['a socket', endsWith({ 'handles: TCPSocketWrap': 3 }), /^\+1 handles: TCPSocketWrap$/],
    ['a lease', endsWith({ 'held leases': 1 }), /^\+1 held leases$/],
    ['a channel', endsWith({ channels: 2 }), /^\+1 channels$/],
    ['that nobody listens any more', endsWith({ channels: 0 }), /^−1 channels$/],
    ['a connection', endsWith({ 'connected clients': 4 }), /^\+1 connected clients$/],
    ['a key', endsWith({ keys: 1 }), /^\+1 keys$/],
    ['which keys', { leftKeys: ['baton:{a}', 'baton:{b}'] }, /^keys such as baton:\{a\}, baton:\{b\}$/],
    ['memory of the server', { end: sample({ redisBytes: 1.8e6 }) }, /^293 KiB more of memory in Redis$/],
    ['what a closed client leaves', { closed: { channels: 1 } }, /^\+1 channels after the close$/],
    ['a heap that grows', { busy: busy(3_000 * KIBIBYTE) }, /^the heap grows by (29|30|31)\d KiB a minute$/],
    ['one that begins to grow late', { busy: busy(1_000 * KIBIBYTE, 0.6) }, /^the heap grows by/],
    ['the growth of a short soak', { busy: short(5_000 * KIBIBYTE) }, /^the heap grows by/],
    ['that it cannot know', { busy: busy().slice(0, 7) }, /^7 samples are too few/],
    ['what nobody should meet', { ends: { ...ENDS, 'unexpected: TypeError': 1 } }, /^unexpected: TypeError$/],
    ['a soak that did nothing', { ends: without('granted') }, /^never: granted$/],
    ['that nothing was killed', { kills: { subscribers: 9, processes: 0 } }, /^no processes were killed$/],
  ])('finds %s', (_, change, finding) => {
    const left = judge(soakRun(change));
    expect(left).toHaveLength(1);
    expect(left[0]).toMatch(finding);
  });

  it('minds a short soak less, in which there is still something to compile', () => {
    expect(judge(soakRun({ busy: short(2_000 * KIBIBYTE) }))).toEqual([]);
  });

  it('does not mind a heap that only goes up and down', () => {
    const tooth = busy().map((each, index) => ({ ...each, heapBytes: each.heapBytes + (index % 8) * 2e5 }));
    expect(judge(soakRun({ busy: tooth }))).toEqual([]);
  });

  it('does not mind a heap that grows only while everything is compiled', () => {
    const compiling = busy().map((each, index) => ({
      ...each,
      heapBytes: each.heapBytes + Math.min(index, 50) * 1e5,
    }));
    expect(judge(soakRun({ busy: compiling }))).toEqual([]);
  });
});

describe('a trend', () => {
  it('is the line with the least squares, and how sure it is', () => {
    const points = [0, 1, 1, 3].map((y, x) => ({ x, y }));
    const { slope, error } = trendOf(points);
    expect(slope).toBeCloseTo(0.9, 10);
    expect(error).toBeCloseTo(Math.sqrt(0.07), 10);
  });

  it('is certain of points on a line', () => {
    const { slope, error } = trendOf([1, 2, 5].map((x) => ({ x, y: 7 - 2 * x })));
    expect(slope).toBeCloseTo(-2, 10);
    expect(error).toBeCloseTo(0, 10);
  });
});

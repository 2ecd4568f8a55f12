import { describe, expect, it } from 'vitest';
import type { Entry, Injury, Run } from './history.ts';
import { judge } from './verdict.ts';

const MS = 1_000;
const RUN: Run = {
  ...{ engine: 'redis', servers: 'none', seed: 1, minutes: 1, healedAt: 5_000 * MS, longestTtlMs: 1_000 },
  injuries: [],
  leftovers: [],
  crashes: [],
  registers: { a: { fenced: 3, unfenced: 3 } },
};

/** One acquisition of the lock "a"; instants in ms. */
interface Turn {
  id: number;
  asked?: number;
  within?: number | null;
  granted: number;
  until?: number;
  fence: number;
  releasing?: number;
  valid?: boolean;
  fenced?: boolean;
  how?: string;
}

function turn({ id, granted, fence, ...rest }: Turn): Entry[] {
  const { asked = granted - 1, within = 1_000, releasing = granted + 10, valid = true, fenced = true } = rest;
  const { until = granted + 1_000, how = 'released' } = rest;
  return [
    ['asked', id, 'a', asked * MS, within],
    ['granted', id, granted * MS, fence, until * MS, 'handoff'],
    ['releasing', id, releasing * MS, valid, fenced, true],
    ['released', id, (releasing + 1) * MS, how],
  ];
}

const HEALTHY = {
  one: [turn({ id: 1, granted: 100, fence: 10 }), turn({ id: 2, granted: 6_000, fence: 12 })],
  two: [turn({ id: 1, granted: 6_100, fence: 13 })],
};

/** What is broken when two clients tell these histories, in the words of the promises. */
function broken(
  { one = HEALTHY.one, two = HEALTHY.two }: { one?: Entry[][]; two?: Entry[][] },
  run: Partial<Run> = {},
): string[] {
  const finished: Entry = ['finished', 9_000 * MS];
  const histories = [
    { client: 0, entries: [...one.flat(), finished] },
    { client: 1, entries: [...two.flat(), finished] },
  ];
  const { findings } = judge({ ...RUN, ...run }, histories);
  return findings.filter((finding) => finding.broken.length > 0).map(({ promise }) => promise);
}

const OVERLAP = 'no two leases of a name overlap';
const FENCES = 'fences rise with every grant';
const REGISTERS = 'the fenced registers lose no update';
const IN_TIME = 'every wait ends within its timeout + 250 ms';
const ANSWERED = 'every acquire and every release is answered';
const PROGRESS = 'without notifications locks are granted within a lease';

const injury = (from: number, to: number, marks: Partial<Injury> = {}): Injury => ({
  ...{ kind: 'something', from: from * MS, to: to * MS },
  ...marks,
});

describe('the judge', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(broken({})).toEqual([]);
  });

  describe('of exclusion', () => {
    const second = (granted: number, fence = 13) => [
      turn({ id: 1, granted, fence }),
      ...HEALTHY.two.slice(1),
    ];

    it('finds a grant before the release', () => {
      expect(broken({ two: second(6_009) })).toEqual([OVERLAP]);
      expect(broken({ two: second(6_011) })).toEqual([]);
    });

    it('finds a grant before the deadline of a holder who was killed', () => {
      const killed = [...HEALTHY.one.slice(0, 1), turn({ id: 2, granted: 6_000, fence: 12 }).slice(0, 2)];
      const registers = { registers: { a: { fenced: 2, unfenced: 2 } } };
      expect(broken({ one: killed, two: second(6_999) }, registers)).toContain(OVERLAP);
      expect(broken({ one: killed, two: second(7_001) }, registers)).not.toContain(OVERLAP);
    });

    it('counts a lease no longer than its holder may believe in it', () => {
      const late = turn({ id: 2, granted: 6_000, fence: 12, until: 6_050, releasing: 6_500, valid: false });
      expect(broken({ one: [HEALTHY.one[0]!, late], two: second(6_100) })).toEqual([]);
      expect(broken({ one: [HEALTHY.one[0]!, late], two: second(6_040) })).toEqual([OVERLAP]);
    });

    it('counts a refreshed lease for as long as it was refreshed to', () => {
      const [asked, granted] = turn({ id: 2, granted: 6_000, fence: 12 });
      const refreshed: Entry = ['refreshed', 2, 6_500 * MS, 7_500 * MS];
      const killed = [HEALTHY.one[0]!, [asked!, granted!, refreshed]];
      expect(broken({ one: killed, two: second(7_400) })).toContain(OVERLAP);
    });

    it('blames nobody for what the server was made to forget, of that lock and at that time', () => {
      const forgets = (name: true | string) => ({ injuries: [injury(6_001, 6_002, { forgets: name })] });
      expect(broken({ two: second(6_005) }, forgets(true))).toEqual([]);
      expect(broken({ two: second(6_005) }, forgets('a'))).toEqual([]);
      expect(broken({ two: second(6_005) }, forgets('b'))).toEqual([OVERLAP]);
      expect(broken({ two: second(6_005) }, { injuries: [injury(6_001, 6_002)] })).toEqual([OVERLAP]);
      const before = { injuries: [injury(5_997, 5_998, { forgets: true })] };
      expect(broken({ two: second(6_005) }, before)).toEqual([OVERLAP]);
      // It had been granted before that, and its holder heard of it only then.
      const meanwhile = { injuries: [injury(5_999, 6_000, { forgets: true })] };
      expect(broken({ two: second(6_005) }, meanwhile)).toEqual([]);
    });

    it('finds a fence that does not rise', () => {
      expect(broken({ two: second(6_011, 12) })).toContain(FENCES);
      expect(broken({ two: second(6_011, 11) })).toContain(FENCES);
    });

    it('finds one that does not although its holder asked later, whatever the server forgot', () => {
      const forgets = { injuries: [injury(6_001, 6_200, { forgets: true })] };
      const asked = (at: number) => ({ two: [turn({ id: 1, asked: at, granted: 6_100, fence: 11 })] });
      expect(broken(asked(6_001), forgets)).toEqual([FENCES]);
      // It may have been granted first, and heard of late.
      expect(broken(asked(5_999), forgets)).toEqual([]);
      expect(broken(asked(5_999))).toEqual([FENCES]);
    });
  });

  it('finds an update that the fenced register lost, or had twice', () => {
    expect(broken({}, { registers: { a: { fenced: 2, unfenced: 3 } } })).toEqual([REGISTERS]);
    expect(broken({}, { registers: { a: { fenced: 4, unfenced: 3 } } })).toEqual([REGISTERS]);
    expect(broken({}, { registers: { a: { fenced: 3, unfenced: 1 } } })).toEqual([]);
    expect(broken({}, { registers: {} })).toEqual([REGISTERS]);
  });

  describe('of time', () => {
    const ended = (at: number, within: number | null = 1_000): Entry[] => [
      ['asked', 3, 'a', 7_000 * MS, within],
      ['ended', 3, at * MS, 'ERR_LOCK_TIMEOUT'],
    ];

    it('finds a wait that ends too late', () => {
      expect(broken({ one: [...HEALTHY.one, ended(8_250)] })).toEqual([]);
      expect(broken({ one: [...HEALTHY.one, ended(8_251)] })).toEqual([IN_TIME]);
      expect(broken({ one: [...HEALTHY.one, ended(80_000, null)] })).toEqual([]);
    });

    it('does not count the time for which its process stood still', () => {
      const still = (from: number, to: number): Entry[] => [['stood still', from * MS, to * MS]];
      const one = (...more: Entry[][]) => ({ one: [...HEALTHY.one, ...more] });
      expect(broken(one(ended(9_250), still(7_900, 9_000)))).toEqual([]);
      expect(broken(one(ended(9_251), still(7_900, 9_000)))).toEqual([IN_TIME]);
      expect(broken({ ...one(ended(9_250)), two: [...HEALTHY.two, still(7_900, 9_000)] })).toEqual([IN_TIME]);
      expect(broken(one(ended(8_300), still(7_100, 7_200)))).toEqual([IN_TIME]);
      expect(broken(one(ended(8_300), still(8_300, 8_400)))).toEqual([IN_TIME]);
      // It ran for 200 ms before, and for 50 ms after.
      expect(broken(one(ended(9_250), still(8_200, 9_200)))).toEqual([]);
      expect(broken(one(ended(9_251), still(8_200, 9_200)))).toEqual([IN_TIME]);
      // Stopped, and then without a core to run on.
      const stopped = one(ended(9_250), still(7_900, 8_500), still(8_500, 9_000));
      expect(broken(stopped)).toEqual([]);
      expect(broken(one(ended(9_251), still(7_900, 8_500), still(8_500, 9_000)))).toEqual([IN_TIME]);
      // However slow it is, it has had its turns.
      const turns = (count: number) => Array.from({ length: count }, (_, index) => 7_950 + index * 100);
      const slow = (count: number) => turns(count).map((from) => still(from, from + 100));
      expect(broken(one(ended(8_400), ...slow(4)))).toEqual([]);
      expect(broken(one(ended(8_600), ...slow(6)))).toEqual([IN_TIME]);
    });

    it('finds what was never answered', () => {
      expect(broken({ one: [...HEALTHY.one, ended(0).slice(0, 1)] })).toEqual([ANSWERED]);
      const unreleased = turn({ id: 4, granted: 7_000, fence: 14, fenced: false }).slice(0, 3);
      expect(broken({ one: [...HEALTHY.one, unreleased] })).toEqual([ANSWERED]);
    });

    it('finds who got nothing after the last fault', () => {
      const early = [turn({ id: 1, granted: 200, fence: 11 })];
      expect(broken({ two: early })).toEqual(['everybody gets locks after the last fault']);
    });
  });

  it('finds that nobody was granted anything while nothing was told', () => {
    const deaf = (to: number) => ({ injuries: [injury(6_050, to, { deaf: true })] });
    const next = (granted: number) => ({ two: [turn({ id: 1, granted, within: null, fence: 13 })] });
    expect(broken(next(7_550), deaf(7_600))).toEqual([]);
    expect(broken(next(7_551), deaf(7_600))).toEqual([PROGRESS]);
    expect(broken(next(9_000), deaf(7_550))).toEqual([]);
    expect(broken(next(9_000), deaf(7_551))).toEqual([PROGRESS]);
    expect(broken(next(7_551))).toEqual([]);
  });

  it('finds what was left, and who ended', () => {
    expect(broken({}, { leftovers: ['a key'] })).toEqual(['nothing is left on the servers']);
    expect(broken({}, { crashes: ['a client'] })).toEqual(['no client ends before it is told to']);
  });
});

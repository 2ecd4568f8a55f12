import { describe, expect, it } from 'vitest';
import {
  type Hold,
  handoffs,
  longestWaitOverShare,
  nextGrants,
  overlaps,
  overtakes,
} from '../../bench/measure/holds.ts';
import { Durations } from '../../bench/measure/percentiles.ts';
import { interleave } from '../../bench/measure/rounds.ts';
import { median, series, seriesOf, trimmedMean } from '../../bench/measure/series.ts';
import { outOfOrder, turns } from '../../bench/measure/turns.ts';
import type { WireCommand } from '../support/commands.ts';

describe('medians and spreads', () => {
  it('are of the rounds', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(series([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, rounds: [3, 1, 2] });
    expect(seriesOf([{ a: 1 }, { a: 3 }]).a.median).toBe(2);
  });

  it('leave out rounds in which there was nothing to measure', () => {
    expect(series([Number.NaN, 5, 7])).toMatchObject({ median: 6, min: 5, max: 7 });
    expect(series([Number.NaN])).toMatchObject({ median: Number.NaN, min: Number.NaN });
    expect(median([])).toBeNaN();
  });

  it('can do without the slowest tenth', () => {
    expect(trimmedMean([1, 1, 1, 1, 1, 1, 1, 1, 1, 1_000])).toBe(1);
  });
});

describe('percentiles', () => {
  it('are in µs, to three digits', () => {
    const { p50, p99, max } = Durations.of(Array.from({ length: 1_000 }, (_, i) => i + 1)).percentiles();
    expect(p50).toBeCloseTo(500, -1);
    expect(p99).toBeCloseTo(990, -1);
    expect(max).toBeCloseTo(1_000, -1);
  });

  it('tell apart what differs by less than a µs, and know when there are none', () => {
    expect(Durations.of([0.4]).percentiles().p50).toBeCloseTo(0.4, 2);
    expect(Durations.of([]).percentiles().p50).toBeNaN();
  });

  it('give a curve that never falls', () => {
    const curve = Durations.of([5, 1, 9, 3]).curve();
    expect(curve).toHaveLength(101);
    expect([...curve].sort((a, b) => a - b)).toEqual(curve);
  });
});

describe('rounds', () => {
  async function ordersOf(contenders: readonly string[], rounds: number): Promise<string[][]> {
    const orders = Array.from({ length: rounds }, (): string[] => []);
    await interleave(contenders, rounds, async (who, round) => void orders[round]?.push(who));
    return orders;
  }

  it('give everybody a turn, each beginning with another', async () => {
    const orders = await ordersOf(['a', 'b', 'c'], 3);
    expect(orders.map((order) => order.join(' '))).toEqual(['a b c', 'b c a', 'c a b']);
    expect(await ordersOf(['alone'], 2)).toEqual([['alone'], ['alone']]);
  });

  it('have everybody follow everybody else, as often as each other', async () => {
    const contenders = ['a', 'b', 'c', 'd', 'e', 'f'];
    const orders = await ordersOf(contenders, contenders.length);
    expect(new Set(orders.map(([first]) => first)).size).toBe(6);
    for (const order of orders) expect([...order].sort()).toEqual(contenders);
    const neighbours = orders.flatMap((order) => order.slice(1).map((who, i) => `${order[i]}${who}`));
    expect(new Set(neighbours).size).toBe(30);
  });
});

/** Holds of 10 µs each, handed over in 1 µs, of two processes in turn, all asked for at the beginning. */
function perfect(count: number): Hold[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ asked: 0, granted: 11 * i + 1, released: 11 * i + 11, fence: 100 + i, process: i % 2 },
  }));
}

describe('what is seen of one lock', () => {
  it('has no overlaps when it is handed over', () => {
    expect(overlaps(perfect(10))).toEqual({ byTime: 0, byFence: 0 });
  });

  it('shows an overlap that was planted', () => {
    const holds = perfect(10);
    holds[4] = { ...holds[4]!, granted: holds[3]!.released - 1 };
    expect(overlaps(holds).byTime).toBe(1);
  });

  it('shows an overlap with a long hold, not only with the one before', () => {
    const holds = perfect(10);
    holds[2] = { ...holds[2]!, released: holds[5]!.granted + 1 };
    expect(overlaps(holds).byTime).toBe(3);
  });

  it('shows a fence that did not rise, in whichever order the holds come', () => {
    const holds = perfect(10);
    holds[6] = { ...holds[6]!, fence: holds[5]!.fence! };
    expect(overlaps(holds.reverse())).toEqual({ byTime: 0, byFence: 1 });
  });

  it('gives handoffs between processes, where somebody was waiting already', () => {
    expect(handoffs(perfect(4))).toEqual([1, 1, 1]);
    const own = perfect(3).map((hold) => ({ ...hold, process: 0 }));
    expect(handoffs(own)).toEqual([]);
    const late = perfect(3).map((hold, i) => (i === 1 ? { ...hold, asked: 11.5 } : hold));
    expect(handoffs(late)).toEqual([1]);
  });

  it('is fair when the longest wait is one turn of everybody', () => {
    expect(longestWaitOverShare(perfect(10), 10)).toBeCloseTo(0.9, 1);
    // The same with two workers: one of them has starved.
    expect(longestWaitOverShare(perfect(10), 2)).toBeGreaterThan(4);
  });

  it('shows who was overtaken by somebody who had clearly asked later', () => {
    const holds = perfect(10).map((hold, i) => ({ ...hold, asked: 10 * i }));
    expect(overtakes(holds, 0)).toBe(0);
    // The fourth had asked before all others, and three of those before it by more than the margin.
    holds[3] = { ...holds[3]!, asked: -15 };
    expect(overtakes(holds, 0)).toBe(3);
    expect(overtakes(holds, 20)).toBe(2);
  });

  it('gives the grant that follows each release, from whichever process', () => {
    const one = { granted: [10, 40], released: [5, 30] };
    const two = { granted: [25], released: [20] };
    expect(nextGrants([one, two])).toEqual([5, 5, 10]);
  });
});

describe('the order of turns', () => {
  const command = (...words: string[]): WireCommand => ({
    name: words[0]!,
    client: '127.0.0.1:1',
    text: words.map((word) => `"${word}"`).join(' '),
  });
  const ask = (token: string) => command('SET', 'lock', token, 'PX', '1000', 'NX');
  const release = (token: string) => command('evalsha', 'sha', '1', 'lock', token);

  it('is read from first and last commands, however often somebody asks in between', () => {
    const record = [
      ask('a'),
      ask('b'),
      ask('c'),
      ask('b'),
      release('a'),
      ask('b'),
      release('b'),
      release('c'),
    ];
    expect(turns(record)).toEqual([
      { arrived: 0, released: 4 },
      { arrived: 1, released: 6 },
      { arrived: 2, released: 7 },
    ]);
    expect(outOfOrder(turns(record))).toBe(0);
  });

  it('counts each that overtook somebody, and nobody twice', () => {
    const record = [
      ask('a'),
      ask('b'),
      ask('c'),
      ask('d'),
      release('c'),
      release('d'),
      release('a'),
      release('b'),
    ];
    expect(outOfOrder(turns(record))).toBe(2);
  });

  it('finds a token behind the keys of a script, and behind quotes in it', () => {
    const text = '"eval" "if redis.call(\\"get\\", KEYS[1]) then\\n end" "2" "k1" "k2" "token" "1"';
    const record = [{ name: 'eval', client: '', text }, command('evalsha', 'sha', '0', 'token')];
    expect(turns(record)).toEqual([{ arrived: 0, released: 1 }]);
  });

  it('leaves out what was never released, and commands of others', () => {
    expect(turns([ask('a'), command('subscribe', 'a')])).toEqual([]);
  });
});

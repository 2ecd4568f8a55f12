import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { inspectionLines } from '../../src/cli/inspect.ts';
import { Board, type Sort } from '../../src/cli/top/board.ts';
import { type Choices, FIRST_CHOICES, press } from '../../src/cli/top/controls.ts';
import { bar, breakQuestion, frameLines, rowsIn, selectedLine, type View } from '../../src/cli/top/frame.ts';
import type { ListedLock } from '../../src/core/listing.ts';

const NOW = 1_000_000;

function lock(name: string, heldFor: number, remainingTtl: number, waiters = 0): ListedLock {
  const owner = `host.1.abc:1:30000`;
  const holder = { owner, client: 'host.1.abc', units: 1, fencingToken: 1_764_288_000_000_000 };
  return { name, capacity: 1, holders: [{ ...holder, heldFor, remainingTtl }], waiters };
}

function board(...locks: readonly ListedLock[]): Board {
  const made = new Board();
  for (const each of locks) made.put(each, NOW);
  return made;
}

describe('the board', () => {
  const three = board(lock('a', 5_000, 20_000, 2), lock('b', 9_000, 30_000, 7), lock('c', 1_000, 100, 0));
  const rates: Record<string, number> = { c: 12, a: 3 };

  it.each<[Sort, string]>([
    ['name', 'abc'],
    ['held', 'bac'],
    ['ttl', 'cab'],
    ['waiters', 'bac'],
    ['handoffs', 'cab'],
  ])('is sorted by %s', (sort, order) => {
    const rateOf = (name: string): number => rates[name] ?? 0;
    expect(three.sorted(sort, false, rateOf).join('')).toBe(order);
    expect(three.sorted(sort, true, rateOf).join('')).toBe([...order].reverse().join(''));
  });

  it('forgets those that a whole look did not find, and keeps one that is free just now until then', () => {
    const two = board(lock('kept', 1, 1), lock('gone', 1, 1), lock('freed', 1, 1));
    two.swept();
    expect(two.size).toBe(3);
    two.put({ name: 'freed', capacity: 1, holders: [], waiters: 0 }, NOW);
    expect(two.get('freed')?.lock.holders).toEqual([]);
    two.put(lock('kept', 1, 1), NOW);
    two.swept();
    expect(two.sorted('name', false, () => 0)).toEqual(['kept']);
  });

  it('counts who waits, over all locks', () => {
    expect(three.waiters).toBe(9);
  });
});

function view(change: Partial<View> = {}): View {
  const three = board(
    lock('orders:1', 65_000, 15_000, 3),
    lock('tab\there', 400, 30_000),
    lock('x'.repeat(90), 0, 0),
  );
  return {
    rows: ['orders:1', 'tab\there', 'x'.repeat(90)].map((name) => three.get(name)!),
    selected: 0,
    rateOf: (name) => (name === 'orders:1' ? 2.5 : 0),
    locks: 1_000,
    waiters: 3,
    sort: 'waiters',
    reverse: false,
    now: NOW + 1_000,
    width: 100,
    height: 10,
    ...change,
  };
}

describe('a picture', () => {
  it('is a title, the locks as they are now, and the keys', () => {
    const lines = frameLines(view({ selected: 1 }));
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe('batonlock top   1000 locks   3 waiters   2.5 handoffs/s shown   by waiters');
    expect(lines[1]?.trim().split(/ {2,}/)).toEqual([
      'NAME',
      'HOLDER',
      'HELD FOR',
      'TTL LEFT',
      'WAITERS',
      'HANDOFFS/S',
    ]);
    expect(lines[2]?.trim().split(/ {2,}/)).toEqual([
      'orders:1',
      'host.1.abc',
      '1 m 06 s',
      '█████░░░░░',
      '14.0 s',
      '3',
      '2.5',
    ]);
    expect(lines[3]).toContain('tab\\u{9}here');
    expect(lines[9]).toContain('q quit');
  });

  it.each([20, 60, 100, 300])('is never wider than the terminal: %d columns', (width) => {
    for (const line of frameLines(view({ width }))) expect(line.length).toBeLessThanOrEqual(width);
  });

  it('is as high as the terminal, and shows as many rows as fit', () => {
    expect(rowsIn(24)).toBe(21);
    expect(frameLines(view({ height: 4 }))).toHaveLength(4);
    expect(frameLines(view({ height: 4 }))[2]).toContain('orders:1');
  });

  it('may show one lock, and ask a question', () => {
    const shown = view({ inspection: ['all about one'], message: 'Break it?' });
    const lines = frameLines(shown);
    expect([lines[1], lines[9]]).toEqual(['all about one', 'Break it?']);
    expect(selectedLine(shown)).toBe(-1);
    expect(frameLines(view())[selectedLine(view())]).toContain('orders:1');
  });

  it('marks the selected row, also where there are no colours', () => {
    const marks = frameLines(view({ selected: 1 })).map((line) => line.slice(0, 2));
    expect(marks.slice(1, 6)).toEqual(['  ', '  ', '> ', '  ', '']);
    expect(frameLines(view({ selected: -1 })).join('')).not.toContain('>');
  });

  it.each(['orders:1', '注文'.repeat(3), '注文'.repeat(50), 'cafe\u{301} 👩‍👩‍👧'])(
    'fills the line of the selected row up to the edge, and no further: %s',
    (name) => {
      const rows = [board(lock(name, 1_000, 1_000)).get(name)!];
      for (const width of [80, 81]) {
        const shown = view({ rows, width });
        expect(stringWidth(frameLines(shown)[selectedLine(shown)]!)).toBe(width);
      }
    },
  );

  it('shows how to answer its question, however long the name', () => {
    const [question] = frameLines(view({ width: 80, message: breakQuestion('x'.repeat(60)) })).slice(-1);
    expect(question).toContain('Break it? [y/N]');
  });

  it('has bars that are full, empty, or in between', () => {
    expect([1, 0.5, 0, -1, 7, Number.NaN].map(bar)).toEqual([
      '██████████',
      '█████░░░░░',
      '░░░░░░░░░░',
      '░░░░░░░░░░',
      '██████████',
      '░░░░░░░░░░',
    ]);
  });
});

describe('all about one lock', () => {
  it.each([80, 40, 12])('is cut in its name first: %d columns', (width) => {
    const [title] = inspectionLines(lock('注文'.repeat(30), 1_000, 1_000, 2), width);
    expect(stringWidth(title!)).toBeLessThanOrEqual(width);
    expect(title).toContain(': held, 2 waiters'.slice(0, width - 1));
  });

  it('shows the whole name where it fits', () => {
    const [title] = inspectionLines(lock('orders:1', 1_000, 1_000, 1), 80);
    expect(title).toBe('orders:1: held, 1 waiter');
  });
});

describe('a key', () => {
  const NAMES = ['a', 'b', 'c', 'd'];
  const pressed = (keys: readonly string[], from: Choices = FIRST_CHOICES) => {
    let choices = from;
    let deed: unknown;
    for (const key of keys) ({ choices, deed } = { deed: undefined, ...press(choices, key, NAMES, 5) });
    return { choices, deed };
  };

  it.each([
    [['down'], 'a'],
    [['down', 'j'], 'b'],
    [['down', 'down', 'up'], 'a'],
    [['up'], 'a'],
    [['end'], 'd'],
    [['end', 'down'], 'd'],
    [['end', 'home'], 'a'],
    [['home', 'pagedown'], 'c'],
    [['end', 'pageup'], 'b'],
  ])('moves the selection: %s', (keys, selected) => {
    expect(pressed(keys).choices.selected).toBe(selected);
  });

  it('sorts by the next column, and the other way round', () => {
    expect(pressed(['s']).choices.sort).toBe('handoffs');
    expect(pressed(['s', 's']).choices.sort).toBe('name');
    expect(pressed(['r']).choices.reverse).toBe(true);
  });

  it('shows what is selected, and no longer', () => {
    expect(pressed(['down', 'i']).choices.inspected).toBe('a');
    expect(pressed(['down', 'return', 'escape']).choices.inspected).toBeUndefined();
    expect(pressed(['i']).choices.inspected).toBeUndefined();
  });

  it('breaks only what is selected, and only if the next key says so', () => {
    expect(pressed(['down', 'b'])).toMatchObject({ choices: { doomed: 'a' }, deed: undefined });
    expect(pressed(['down', 'b', 'y'])).toMatchObject({
      choices: { doomed: undefined },
      deed: { do: 'break', name: 'a' },
    });
    expect(pressed(['down', 'b', 'q'])).toMatchObject({ choices: { doomed: undefined }, deed: undefined });
    expect(pressed(['b', 'y']).deed).toBeUndefined();
    expect(pressed(['down', 'y']).deed).toBeUndefined();
  });

  it('ends it', () => {
    expect(pressed(['q']).deed).toEqual({ do: 'quit' });
    expect(pressed(['down', 'b', 'ctrl-c']).deed).toEqual({ do: 'quit' });
  });
});

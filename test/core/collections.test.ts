import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Aborts } from '../../src/core/aborts.ts';
import { Linked, LinkedSet } from '../../src/core/linked-set.ts';
import { Registry } from '../../src/core/registry.ts';

describe('a linked set', () => {
  it('keeps the order of arrival, and links who has left to nothing', () => {
    const set = new LinkedSet<Linked>();
    const [a, b, c] = [new Linked(), new Linked(), new Linked()];
    for (const member of [a, b, c]) set.add(member);
    expect(set.delete(b)).toBe(true);
    expect(set.delete(b)).toBe(false);
    expect(set.toArray().map((member) => [a, b, c].indexOf(member))).toEqual([0, 2]);
    expect(set.size).toBe(2);
    expect([b.before, b.after]).toEqual([undefined, undefined]);
    set.add(b);
    expect(set.toArray().map((member) => [a, b, c].indexOf(member))).toEqual([0, 2, 1]);
  });
});

describe('a registry', () => {
  it('gives back what was added under a key, also in a slot that was used before', () => {
    const registry = new Registry<object>();
    const [one, two, three] = [{ n: 1 }, { n: 2 }, { n: 3 }];
    registry.add('one', one);
    registry.add('two', two);
    registry.delete('one');
    registry.delete('never');
    registry.add('three', three);
    expect([registry.get('one'), registry.get('two'), registry.get('three')]).toEqual([
      undefined,
      two,
      three,
    ]);
  });
});

describe('aborts', () => {
  it('have one listener for each signal, however many wait with it, and none afterwards', () => {
    const aborts = new Aborts();
    const { signal } = new AbortController();
    const stops = Array.from({ length: 20 }, () => aborts.listen(signal, () => {}));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const stop of stops) stop();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('reach everybody who still waits', () => {
    const aborts = new Aborts();
    const controller = new AbortController();
    const reached: number[] = [];
    const stops = [1, 2, 3].map((n) => aborts.listen(controller.signal, () => reached.push(n)));
    stops[1]?.();
    controller.abort();
    expect(reached).toEqual([1, 3]);
  });
});

import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Aborts } from '../../src/core/aborts.ts';
import { type Linked, LinkedSet } from '../../src/core/linked-set.ts';
import { Registry } from '../../src/core/registry.ts';

describe('a linked set', () => {
  it('keeps the order of arrival, and links who has left to nothing', () => {
    const set = new LinkedSet<Linked>();
    const member = (): Linked => ({ before: undefined, after: undefined });
    const [a, b, c] = [member(), member(), member()];
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
  it('gives back what was added under a key, also in a place that was used before', () => {
    const registry = new Registry<object>();
    const [one, two, three, four] = [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }];
    registry.add('one', one);
    registry.add('two', two);
    registry.delete('one');
    registry.delete('never');
    registry.add('three', three);
    registry.delete('two');
    registry.add('four', four);
    const names = ['one', 'two', 'three', 'four'];
    expect(names.map((name) => registry.get(name))).toEqual([undefined, undefined, three, four]);
  });

  it('does what a map does', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.constantFrom('a', 'b', 'c', 'd')));
    fc.assert(
      fc.property(steps, (all) => {
        const [registry, map] = [new Registry<object>(), new Map<string, object>()];
        for (const [leaves, key] of all) {
          if (leaves || map.has(key)) {
            registry.delete(key);
            map.delete(key);
          } else {
            const value = { key };
            registry.add(key, value);
            map.set(key, value);
          }
          for (const name of ['a', 'b', 'c', 'd']) expect(registry.get(name)).toBe(map.get(name));
          expect(registry.size).toBe(map.size);
          expect(new Set(registry.values())).toEqual(new Set(map.values()));
        }
      }),
    );
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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeadlineQueue, type Timed } from '../../src/core/deadline-queue.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

class Entry implements Timed {
  readonly deadline: number;
  heapIndex = -1;
  passedAt: number | undefined;
  readonly #clock: ManualClock;

  constructor(deadline: number, clock: ManualClock) {
    this.deadline = deadline;
    this.#clock = clock;
  }

  deadlinePassed(): void {
    expect(this.passedAt).toBeUndefined();
    expect(this.heapIndex).toBe(-1);
    this.passedAt = this.#clock.now();
  }
}

describe('a queue of deadlines', () => {
  it('calls each member at its deadline and none that has left, on one timer', async () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 500 }) }),
      fc.record({ remove: fc.nat({ max: 100 }) }),
      fc.record({ advance: fc.integer({ min: 1, max: 100 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const clock = new ManualClock();
        const queue = new DeadlineQueue(clock);
        const entries: Entry[] = [];
        const left = new Set<Entry>();
        for (const each of steps) {
          if ('add' in each) {
            const entry = new Entry(clock.now() + each.add, clock);
            entries.push(entry);
            queue.add(entry);
            queue.add(entry);
          } else if ('remove' in each) {
            const entry = entries[each.remove % Math.max(1, entries.length)];
            if (entry?.passedAt === undefined && entry) left.add(entry);
            if (entry) queue.delete(entry);
          } else {
            await clock.advance(each.advance);
          }
          const waiting = entries.filter((entry) => entry.passedAt === undefined && !left.has(entry));
          expect(waiting.every(({ deadline }) => deadline > clock.now())).toBe(true);
          expect(clock.pending).toBe(waiting.length > 0 ? 1 : 0);
        }
        for (const entry of entries) {
          if (left.has(entry)) expect(entry.passedAt).toBeUndefined();
          else if (entry.passedAt !== undefined) expect(entry.passedAt).toBe(entry.deadline);
        }
      }),
    );
  });

  it('leaves who waits for ever alone', () => {
    const clock = new ManualClock();
    const entry = new Entry(Number.POSITIVE_INFINITY, clock);
    const queue = new DeadlineQueue(clock);
    queue.add(entry);
    expect({ heapIndex: entry.heapIndex, pending: clock.pending }).toEqual({ heapIndex: -1, pending: 0 });
    queue.delete(entry);
  });

  it('takes members anew from within a call', async () => {
    const clock = new ManualClock();
    const queue = new DeadlineQueue(clock);
    const late = new Entry(clock.now() + 30, clock);
    const other = new Entry(clock.now() + 20, clock);
    const first: Timed = {
      deadline: clock.now() + 10,
      heapIndex: -1,
      deadlinePassed: () => {
        queue.delete(late);
        queue.add(other);
      },
    };
    queue.add(late);
    queue.add(first);
    await clock.advance(100);
    expect([late.passedAt, other.passedAt]).toEqual([undefined, other.deadline]);
    expect(clock.pending).toBe(0);
  });
});

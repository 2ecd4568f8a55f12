import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
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

  it('sets one alarm for all who come and go, which does not outlive them', async () => {
    const clock = new ManualClock();
    const alarms = vi.spyOn(clock, 'callAt');
    const queue = new DeadlineQueue(clock);
    for (let i = 0; i < 100; i++) {
      const entry = new Entry(clock.now() + 500 + i, clock);
      queue.add(entry);
      expect(clock.pending).toBe(1);
      await clock.advance(1);
      queue.delete(entry);
      expect(clock.pending).toBe(0);
    }
    expect(alarms).toHaveBeenCalledTimes(1);
    const last = new Entry(clock.now() + 500, clock);
    queue.add(last);
    // The first one's deadline, at which there is nothing to do but to look again.
    await clock.advance(450);
    expect({ passedAt: last.passedAt, alarms: alarms.mock.calls.length }).toEqual({
      passedAt: undefined,
      alarms: 2,
    });
    await clock.advance(50);
    expect({ passedAt: last.passedAt, pending: clock.pending }).toEqual({
      passedAt: last.deadline,
      pending: 0,
    });
  });

  it('cancels its alarm when it is closed', () => {
    const clock = new ManualClock();
    const cancel = vi.fn();
    vi.spyOn(clock, 'callAt').mockReturnValue({ cancel, ref: () => {}, unref: () => {} });
    const queue = new DeadlineQueue(clock);
    const entry = new Entry(clock.now() + 10, clock);
    queue.add(entry);
    queue.delete(entry);
    expect(cancel).not.toHaveBeenCalled();
    queue.close();
    expect(cancel).toHaveBeenCalledTimes(1);
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

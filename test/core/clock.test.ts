import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pause, SystemClock } from '../../src/core/clock.ts';

/** A machine whose two clocks a test moves. */
class Machine {
  monotonic = 5_000;
  wall = 1_700_000_000_000;
  readonly clock = new SystemClock(
    () => this.monotonic,
    () => this.wall,
  );

  run(ms: number): void {
    this.monotonic += ms;
    this.wall += ms;
  }

  /** Linux stops the monotonic clock meanwhile. */
  suspend(ms: number): void {
    this.wall += ms;
  }

  setWall(by: number): void {
    this.wall += by;
  }
}

describe('the time elapsed', () => {
  it('is that of the monotonic clock while both agree', () => {
    const machine = new Machine();
    const start = machine.clock.now();
    machine.run(1_234.5);
    expect(machine.clock.now() - start).toBe(1_234.5);
  });

  it('row 6: includes the time for which the machine was suspended, as often as it was', () => {
    const machine = new Machine();
    const start = machine.clock.now();
    machine.run(1_000);
    machine.suspend(3_600_000);
    expect(machine.clock.now() - start).toBe(3_601_000);
    expect(machine.clock.now() - start).toBe(3_601_000);
    machine.run(500);
    machine.suspend(60_000);
    machine.run(500);
    expect(machine.clock.now() - start).toBe(3_662_000);
  });

  it('row 6: does not go back with the wall clock, and still shows a suspension after that', () => {
    const machine = new Machine();
    const start = machine.clock.now();
    machine.run(1_000);
    machine.setWall(-86_400_000);
    expect(machine.clock.now() - start).toBe(1_000);
    machine.run(1_000);
    machine.suspend(5_000);
    expect(machine.clock.now() - start).toBe(7_000);
  });

  it('row 6: is not lengthened by readings of the wall clock that differ a little', () => {
    const jitters = fc.array(fc.record({ ran: fc.nat(1_000), jitter: fc.integer({ min: -25, max: 25 }) }), {
      minLength: 100,
      maxLength: 300,
    });
    fc.assert(
      fc.property(jitters, (readings) => {
        const machine = new Machine();
        const start = machine.clock.now();
        let ran = 0;
        for (const reading of readings) {
          machine.run(reading.ran);
          ran += reading.ran;
          machine.wall += reading.jitter;
          expect(machine.clock.now() - start).toBe(ran);
          machine.wall -= reading.jitter;
        }
      }),
    );
  });

  it('row 6: is never short of the suspensions by more than 50 ms, however many there are', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200)), (suspensions) => {
        const machine = new Machine();
        const start = machine.clock.now();
        let slept = 0;
        for (const suspension of suspensions) {
          machine.suspend(suspension);
          slept += suspension;
          const elapsed = machine.clock.now() - start;
          expect(elapsed).toBeLessThanOrEqual(slept);
          expect(elapsed).toBeGreaterThanOrEqual(slept - 50);
        }
      }),
    );
  });

  it('row 6: never goes back, nor stands still while the monotonic clock goes on', () => {
    const step = fc.record({
      ran: fc.nat(10_000),
      slept: fc.nat(1_000_000),
      setWallBy: fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const machine = new Machine();
        let before = machine.clock.now();
        for (const { ran, slept, setWallBy } of steps) {
          machine.run(ran);
          machine.suspend(slept);
          machine.setWall(setWallBy);
          const now = machine.clock.now();
          expect(now).toBeGreaterThanOrEqual(before + ran);
          before = now;
        }
      }),
    );
  });
});

describe('an alarm', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('goes by the clocks of the machine', () => {
    const clock = new SystemClock();
    const start = clock.now();
    vi.advanceTimersByTime(500);
    expect(clock.now() - start).toBe(500);
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(clock.now() - start).toBe(3_600_500);
  });

  it('comes once, and not a millisecond early', () => {
    const clock = new SystemClock();
    const task = vi.fn();
    clock.callAt(clock.now() + 1_000, task);
    vi.advanceTimersByTime(999);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(task).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(10_000);
    expect(task).toHaveBeenCalledTimes(1);
  });

  it('waits for the rest when the timer comes a fraction of a millisecond early', () => {
    let early = 0;
    const clock = new SystemClock(
      () => performance.now() - early,
      () => Date.now() - early,
    );
    const task = vi.fn();
    clock.callAt(clock.now() + 10, task);
    early = 0.25;
    vi.advanceTimersByTime(10);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(task).toHaveBeenCalledTimes(1);
  });

  it('row 41: comes in time at a distance of 2^31 ms and more, where a timer would fire at once', () => {
    const clock = new SystemClock();
    const tasks = [2 ** 31, 2 ** 31 + 5, 3 * 2 ** 31, 2 ** 33].map((distance) => {
      const task = vi.fn();
      clock.callAt(clock.now() + distance, task);
      return { distance, task };
    });
    let passed = 0;
    for (const { distance, task } of tasks) {
      vi.advanceTimersByTime(distance - 1 - passed);
      expect(task).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(task).toHaveBeenCalledTimes(1);
      passed = distance;
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps the process alive unless it is told not to, also by the further timers that a long distance takes', () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const clock = new SystemClock();
    const alarm = clock.callAt(clock.now() + 2 ** 32, () => {});
    const keepsAlive = () => (timers.mock.results.at(-1)?.value as NodeJS.Timeout | undefined)?.hasRef();
    expect(keepsAlive()).toBe(true);
    alarm.unref();
    expect(keepsAlive()).toBe(false);
    vi.advanceTimersByTime(2 ** 31);
    expect({ timers: timers.mock.calls.length, kept: keepsAlive() }).toEqual({ timers: 2, kept: false });
    alarm.ref();
    expect(keepsAlive()).toBe(true);
    vi.advanceTimersByTime(2 ** 31);
    expect({ timers: timers.mock.calls.length, kept: keepsAlive() }).toEqual({ timers: 3, kept: true });
    alarm.cancel();
    timers.mockRestore();
  });

  it('row 41: never comes, and costs no timer, at Infinity', () => {
    const task = vi.fn();
    const alarm = new SystemClock().callAt(Number.POSITIVE_INFINITY, task);
    expect(vi.getTimerCount()).toBe(0);
    alarm.cancel();
    vi.advanceTimersByTime(2 ** 32);
    expect(task).not.toHaveBeenCalled();
  });

  it.each([0, -5, -(2 ** 31), Number.NEGATIVE_INFINITY, Number.NaN])(
    'row 41: comes once and soon, never within the call, at a distance of %s ms',
    (distance) => {
      const clock = new SystemClock();
      const task = vi.fn();
      const timers = vi.spyOn(globalThis, 'setTimeout');
      clock.callAt(clock.now() + distance, task);
      // Newer versions of Node warn about anything less.
      if (!Number.isNaN(distance)) expect(timers.mock.calls).toEqual([[expect.any(Function), 1]]);
      timers.mockRestore();
      expect(task).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(task).toHaveBeenCalledTimes(1);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('can be cancelled, also between two of the timers that a long distance takes, and after it has come', () => {
    const clock = new SystemClock();
    const task = vi.fn();
    const soon = clock.callAt(clock.now() + 10, task);
    const far = clock.callAt(clock.now() + 2 ** 32, task);
    soon.cancel();
    vi.advanceTimersByTime(2 ** 31 + 10);
    far.cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(2 ** 32);
    expect(task).not.toHaveBeenCalled();

    const done = clock.callAt(clock.now() + 1, task);
    vi.advanceTimersByTime(1);
    done.cancel();
    expect(task).toHaveBeenCalledTimes(1);
  });
});

describe('a pause', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('lasts as long as asked', async () => {
    const done = vi.fn();
    const waiting = pause(new SystemClock(), 100).done.then(done);
    await vi.advanceTimersByTimeAsync(99);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toHaveBeenCalledTimes(1);
    await waiting;
  });

  it('ends at once when it is stopped, and leaves no timer', async () => {
    const { done, stop } = pause(new SystemClock(), 100);
    stop();
    stop();
    await done;
    expect(vi.getTimerCount()).toBe(0);
  });
});

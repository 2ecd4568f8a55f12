import { vi } from 'vitest';
import type { Alarm, Clock } from '../../src/core/clock.ts';

/** All alarms of a clock that are armed from now on, also those that would not keep a process alive. */
export function armedAlarms(clock: Clock): ReadonlySet<object> {
  const armed = new Set<object>();
  const callAt = clock.callAt.bind(clock);
  vi.spyOn(clock, 'callAt').mockImplementation((instant, task) => {
    const mark = {};
    const alarm: Alarm = callAt(instant, () => {
      armed.delete(mark);
      task();
    });
    armed.add(mark);
    const cancel = () => {
      armed.delete(mark);
      alarm.cancel();
    };
    return { ...alarm, cancel };
  });
  return armed;
}

import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/testing/manual-clock.ts';

let clock: ManualClock;
let ran: string[];

beforeEach(() => {
  clock = new ManualClock(100);
  ran = [];
});

function note(what: string): () => void {
  return () => ran.push(`${what} at ${clock.now()}`);
}

describe('the manual clock of these tests', () => {
  it('runs alarms in the order of their instants, and those of one instant in the order of their arming', async () => {
    clock.callAt(130, note('late'));
    clock.callAt(110, note('early'));
    clock.callAt(130, note('later'));
    await clock.advance(29);
    expect(ran).toEqual(['early at 110']);
    await clock.advance(1);
    expect(ran).toEqual(['early at 110', 'late at 130', 'later at 130']);
    expect(clock.now()).toBe(130);
  });

  it('finishes the promise chains of one alarm before the next, so that they can arm others in between', async () => {
    clock.callAt(130, note('second'));
    clock.callAt(110, async () => {
      for (let i = 0; i < 50; i++) await null;
      clock.callAt(120, note('first'));
    });
    await clock.advance(100);
    expect(ran).toEqual(['first at 120', 'second at 130']);
    expect(clock.now()).toBe(200);
  });

  it('runs what is due already a millisecond later, and what a stall made overdue as late as it is', async () => {
    for (const instant of [100, 0, Number.NEGATIVE_INFINITY, Number.NaN]) clock.callAt(instant, note('due'));
    await clock.advance(0);
    expect(ran).toEqual([]);
    clock.stall(50);
    expect(ran).toEqual([]);
    await clock.advance(0);
    expect(ran).toEqual(Array(4).fill('due at 150'));
  });

  it('counts as pending what would keep a process alive', async () => {
    const alarm = clock.callAt(150, note('kept'));
    clock.callAt(Number.POSITIVE_INFINITY, note('never'));
    expect(clock.pending).toBe(1);
    alarm.unref();
    expect(clock.pending).toBe(0);
    alarm.ref();
    expect(clock.pending).toBe(1);
    alarm.unref();
    await clock.advance(50);
    expect(ran).toEqual(['kept at 150']);
  });

  it('sleeps by its own time, and refuses to go back', async () => {
    const sleeping = clock.sleep(50).then(note('awake'));
    await clock.advance(49);
    expect(ran).toEqual([]);
    await Promise.all([clock.advance(1), clock.advance(10), sleeping]);
    expect(ran).toEqual(['awake at 150']);
    expect(clock.now()).toBe(159);
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(clock.advance(ms)).rejects.toThrow('ms must be');
      await expect(clock.sleep(ms)).rejects.toThrow('ms must be');
      expect(() => clock.stall(ms)).toThrow('ms must be');
    }
    expect(clock.now()).toBe(159);
  });

  it('counts what is armed: not what has run, was cancelled, or never comes', async () => {
    clock.callAt(Number.POSITIVE_INFINITY, note('never'));
    expect(clock.pending).toBe(0);
    clock.callAt(110, note('first'));
    const second = clock.callAt(120, note('second'));
    expect(clock.pending).toBe(2);
    await clock.advance(10);
    expect(clock.pending).toBe(1);
    second.cancel();
    second.cancel();
    expect(clock.pending).toBe(0);
    await clock.advance(1_000);
    expect(ran).toEqual(['first at 110']);
  });
});

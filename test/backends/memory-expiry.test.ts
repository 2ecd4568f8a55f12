import { beforeEach, describe, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { MemoryBackend } from '../../src/memory/backend.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

describe('a lease in memory that ended while the process was busy', () => {
  let clock: ManualClock;
  let locks: LockClient;
  beforeEach(() => {
    clock = new ManualClock();
    locks = new LockClient(new MemoryBackend(clock));
  });

  it('is handed on although somebody else asks before its timer has come', async () => {
    const creator = locks.creator('name');
    await creator.acquire(1_000);
    const granted: string[] = [];
    void creator.acquire(30_000).then(() => granted.push('first'));
    clock.stall(2_000);
    void creator.acquire(30_000).then(() => granted.push('second'));
    await clock.advance(5_000);
    expect(granted).toEqual(['first']);
  });

  it('is handed on although another holder refreshes before its timer has come', async () => {
    const creator = locks.semaphore('name', 2);
    const kept = await creator.acquire(60_000);
    await creator.acquire(1_000);
    let granted = false;
    void creator.acquire(30_000).then(() => {
      granted = true;
    });
    clock.stall(2_000);
    await kept.refresh();
    await clock.advance(10);
    expect(granted).toBe(true);
  });
});

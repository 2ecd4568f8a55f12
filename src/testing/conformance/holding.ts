import { expect, it } from 'vitest';
import { LockClosedError, LockLostError } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import type { Stage } from './stage.ts';

/** What a holder can do with its lease, and how it ends. */
export function holdingCases(stage: Stage): void {
  it('starts the TTL anew at a refresh, with another length if asked', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(20_000);
    await lock.refresh(60_000);
    expect(lock.ttl).toBe(60_000);
    expect(lock.remaining).toBeGreaterThan(50_000);
    expect((await creator.inspect()).holders[0]?.remainingTtl).toBeGreaterThan(50_000);
    await lock.refresh(5_000);
    expect((await creator.inspect()).holders[0]?.remainingTtl).toBeLessThanOrEqual(5_000);
    expect(await lock.isHeld()).toBe(true);
  });

  it('keeps a lease beyond its TTL by auto refresh, until the release', async () => {
    const creator = stage.creator();
    const lock = (await creator.acquire(600)).autoRefresh();
    const others = stage.creator();
    await expect(others.acquire(1_000, 1_300)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    lock.assertHeld();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await others.tryAcquire(1_000)).not.toBeNull();
  });

  it('stops refreshing at maxHold', async () => {
    const lock = (await stage.creator().acquire(150)).autoRefresh({ maxHold: 100 });
    const next = await stage.creator().acquire(30_000, 10_000);
    expect(lock.remaining).toBe(0);
    expect(lock.signal.reason).toMatchObject({ reason: 'expired' });
    await next.release();
  });

  it('aborts the signal when the lease runs out', async () => {
    const lock = await stage.creator().acquire(100);
    const { signal } = lock;
    await until(() => signal.aborted, { what: 'the signal to abort' });
    expect(signal.reason).toBeInstanceOf(LockLostError);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(await lock.isHeld()).toBe(false);
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    await expect(lock.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
  });

  it('releases once, however often it is asked', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(30_000);
    await Promise.all([lock.release(), lock.release()]);
    const next = await stage.creator().acquire(30_000);
    await lock.release();
    expect(await next.isHeld()).toBe(true);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    expect(lock.remaining).toBe(0);
  });

  it('never frees the lock of another holder', async () => {
    const late = await stage.creator().acquire(100);
    const next = await stage.creator().acquire(30_000, 10_000);
    await expect(late.release()).rejects.toThrow(LockLostError);
    expect(await next.isHeld()).toBe(true);
    expect(await stage.creator().tryAcquire(1_000)).toBeNull();
  });

  it('runs a task under the lock and gives back its result', async () => {
    const creator = stage.creator();
    const result = await creator.using(3_000, 1_000, async (lock) => {
      expect(await lock.isHeld()).toBe(true);
      return 42;
    });
    expect(result).toBe(42);
    expect(await creator.isLocked()).toBe(false);
    const failure = new Error('the task failed');
    await expect(creator.using(3_000, 1_000, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await creator.isLocked()).toBe(false);
  });

  it('releases at the end of an await-using block', async () => {
    const creator = stage.creator();
    {
      await using lock = await creator.acquire(30_000);
      expect(await lock.isHeld()).toBe(true);
    }
    expect(await creator.isLocked()).toBe(false);
  });

  it('rejects who waits and releases what is held when the client is closed', async () => {
    const closing = stage.client();
    const held = await stage.other(stage.client(), `${stage.name}-held`);
    const blocked = stage.creator();
    const blocker = await blocked.acquire(30_000);
    await (await stage.other(closing, held.name)).acquire(30_000);
    const impatient = stage.creator(closing);
    const waiting = impatient.acquire(30_000);
    await stage.queued(blocked, 1);
    const rejected = expect(waiting).rejects.toThrow(LockClosedError);
    await impatient.close();
    await rejected;
    await expect(impatient.acquire(1_000)).rejects.toThrow(LockClosedError);
    expect(await held.isLocked()).toBe(true);
    await closing.close();
    expect(await held.isLocked()).toBe(false);
    await stage.queued(blocked, 0);
    await expect(stage.creator(closing).acquire(1_000)).rejects.toThrow(LockClosedError);
    await blocker.release();
  });

  it('leaves the leases to their TTL when closed without release', async () => {
    const client = stage.client();
    const creator = stage.creator(client);
    const lock = (await creator.acquire(30_000)).autoRefresh();
    await creator.close({ release: false });
    expect(await stage.creator().owner()).toBe(lock.owner);
    expect(client.held).toEqual([]);
  });
}

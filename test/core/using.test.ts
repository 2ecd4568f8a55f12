import { beforeEach, describe, expect, it } from 'vitest';
import { LockClosedError, LockCreator, LockLostError } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { answerTo, never, ScriptedBackend, unavailable } from './scripted-backend.ts';

const TTL = 10_000;

let clock: ManualClock;
let backend: ScriptedBackend;
let creator: LockCreator;

beforeEach(() => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  creator = new LockCreator('orders:42', backend);
});

/** A task that takes so long, in which time passes only when the test says so. */
function work(ms: number): Promise<void> {
  return new Promise((resolve) => void clock.callAt(clock.now() + ms, resolve));
}

describe('using()', () => {
  it('gives the task its lock and the caller the result, also of a task without promises', async () => {
    const result = await creator.using(TTL, 0, async (lock) => {
      expect(await lock.isHeld()).toBe(true);
      expect(lock.signal.aborted).toBe(false);
      return lock.fencingToken;
    });
    expect(result).toBeGreaterThan(0);
    expect(await creator.using(TTL, 0, (lock) => lock.name)).toBe('orders:42');
    expect(await creator.isLocked()).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('keeps the lock for a task that takes many TTLs, and not a moment longer', async () => {
    const done = creator.using(TTL, 0, () => work(20 * TTL));
    await clock.advance(20 * TTL - 1);
    expect(await creator.isLocked()).toBe(true);
    expect(backend.count('refresh')).toBeGreaterThanOrEqual(60);
    await clock.advance(1);
    await done;
    expect(await creator.isLocked()).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('waits in line, and does not run the task if the lock is not to be had', async () => {
    const holder = await creator.acquire(TTL);
    let ran = false;
    const done = creator.using(TTL, 1_000, () => {
      ran = true;
    });
    const rejection = expect(done).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    await clock.advance(1_000);
    await rejection;
    expect(ran).toBe(false);
    await holder.release();
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('the task failed'))],
    [
      'throws before it returns a promise',
      () => {
        throw new Error('the task failed');
      },
    ],
  ])('rejects with the error of a task that %s, after the release', async (_, task) => {
    await expect(creator.using(TTL, 0, task)).rejects.toThrow('the task failed');
    expect(await creator.isLocked()).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('rejects with the error of the task also when the release fails or the lease was lost', async () => {
    const failure = new Error('the task failed');
    backend.answers.release = () => Promise.reject(unavailable());
    await expect(creator.using(TTL, 0, () => Promise.reject(failure))).rejects.toBe(failure);
    backend.answers.release = async () => false;
    const other = new LockCreator('x', backend);
    await expect(other.using(TTL, 0, () => Promise.reject(failure))).rejects.toBe(failure);
    const stalled = new LockCreator('y', backend).using(TTL, 0, async () => {
      clock.stall(2 * TTL);
      throw failure;
    });
    await expect(stalled).rejects.toBe(failure);
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it('waits for a release that fails to be settled before it rejects with the error of the task', async () => {
    let answer: (error: Error) => void = () => {};
    backend.answers.release = () =>
      new Promise((_, reject) => {
        answer = reject;
      });
    let settled = false;
    const done = creator
      .using(TTL, 0, () => Promise.reject(new Error('the task failed')))
      .finally(() => {
        settled = true;
      });
    const rejection = expect(done).rejects.toThrow('the task failed');
    await clock.advance(0);
    expect(settled).toBe(false);
    answer(unavailable());
    await rejection;
  });

  it('rejects with LockLostError when the task succeeds although the lease was lost', async () => {
    backend.answers.refresh = never;
    const done = creator.using(TTL, 0, () => work(TTL));
    const rejection = expect(done).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    await clock.advance(TTL);
    await rejection;
    expect(clock.pending).toBe(0);
  });

  it('rejects with LockLostError when only the release finds out', async () => {
    backend.answers.release = async () => false;
    const error = await creator.using(TTL, 0, () => 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockLostError);
    expect(error).toMatchObject({ reason: 'taken' });
  });

  it('does not run the task with a lease that is over before it could begin', async () => {
    backend.answers.acquire = async (request) => {
      const grant = await answerTo(request, (own) => backend.memory.acquire(own));
      clock.stall(2 * TTL);
      return grant;
    };
    let ran = false;
    const done = creator.using(TTL, 1_000, () => {
      ran = true;
    });
    await expect(done).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    expect(ran).toBe(false);
  });

  it('does not fail a task because of a release that the server does not answer: the TTL ends the lease', async () => {
    backend.answers.release = () => Promise.reject(unavailable());
    expect(await creator.using(TTL, 0, () => 42)).toBe(42);
    expect(clock.pending).toBe(0);
  });

  it('hides no bug of the release', async () => {
    backend.answers.release = () => Promise.reject(new TypeError('a bug'));
    await expect(creator.using(TTL, 0, () => 42)).rejects.toThrow(TypeError);
  });

  it('is done when the task has released by itself, or the creator was closed meanwhile', async () => {
    expect(await creator.using(TTL, 0, (lock) => lock.release().then(() => 1))).toBe(1);
    const done = creator.using(TTL, 0, async (lock) => {
      await creator.close();
      expect(() => lock.assertHeld()).toThrow(LockClosedError);
      return 2;
    });
    expect(await done).toBe(2);
    expect(backend.count('release')).toBe(2);
    expect(clock.pending).toBe(0);
  });
});

import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockClosedError, LockCreator, LockLostError } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { never, ScriptedBackend, unavailable } from './scripted-backend.ts';

const TTL = 10_000;
/** The TTL less the drift. */
const VALID = 9_898;

let clock: ManualClock;
let backend: ScriptedBackend;
let creator: LockCreator;
let lock: Lock;

beforeEach(async () => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  creator = new LockCreator('orders:42', backend);
  lock = await creator.acquire(TTL);
  backend.calls.length = 0;
});

/** A promise that the test settles. */
function answer<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Somebody else takes the lock over while this process hears nothing of it. */
async function loseSilently(): Promise<void> {
  await backend.memory.forceRelease('orders:42');
}

function expectLost(reason: string): void {
  // First of all: whatever else one asks makes the lock look at its deadline.
  expect(lock.signal.aborted).toBe(true);
  expect(lock.remaining).toBe(0);
  expect(lock.signal.reason).toBeInstanceOf(LockLostError);
  expect(lock.signal.reason).toMatchObject({ reason, lockName: 'orders:42' });
  expect(() => lock.assertHeld()).toThrow(lock.signal.reason);
}

describe('a lock that was just granted', () => {
  it('knows its name, its owner id, its fence and its TTL', async () => {
    const { holders } = await creator.inspect();
    expect(lock.name).toBe('orders:42');
    expect(lock.ttl).toBe(TTL);
    expect(holders).toMatchObject([{ owner: lock.owner, fencingToken: lock.fencingToken }]);
    expect(Number.isSafeInteger(lock.fencingToken)).toBe(true);
  });

  it('counts down what remains of the lease, less the drift, in whole ms rounded down', async () => {
    expect(lock.remaining).toBe(VALID);
    await clock.advance(98.5);
    expect(lock.remaining).toBe(9_799);
    const odd = await creator.tryAcquire(1_050).then(() => new LockCreator('x', backend).acquire(1_050));
    expect(odd.remaining).toBe(1_037);
  });

  it('costs no timer and no subscription until its signal is read', async () => {
    expect(clock.pending).toBe(0);
    lock.assertHeld();
    await lock.isHeld();
    await lock.refresh();
    expect(clock.pending).toBe(0);
    expect(backend.count('onForced')).toBe(0);
    const { signal } = lock;
    expect(clock.pending).toBe(1);
    expect(backend.count('onForced')).toBe(1);
    expect(lock.signal).toBe(signal);
    expect(clock.pending).toBe(1);
    expect(backend.count('onForced')).toBe(1);
    expect(backend.listening).toBe(1);
    await lock.release();
    expect(clock.pending).toBe(0);
    expect(backend.listening).toBe(0);
  });

  it('is held by what the server says, and locally', async () => {
    expect(await lock.isHeld()).toBe(true);
    expect(() => lock.assertHeld()).not.toThrow();
    expect(lock.signal.aborted).toBe(false);
    expect(backend.calls).toContain('inspect');
    await lock.release();
  });
});

describe('row 5: past the deadline', () => {
  it('the signal aborts: not before, and at the deadline itself', async () => {
    const { signal } = lock;
    await clock.advance(VALID - 1);
    expect(signal.aborted).toBe(false);
    expect(lock.remaining).toBe(1);
    await clock.advance(1);
    expectLost('expired');
    expect(clock.pending).toBe(0);
    expect(backend.listening).toBe(0);
  });

  it('a process that stalled for three TTLs is told at once, by whatever it does first', async () => {
    const { signal } = lock;
    clock.stall(3 * TTL);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(signal.aborted).toBe(true);
    expectLost('expired');
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it('a process that stalled for three TTLs and does nothing is told by the overdue alarm', async () => {
    const { signal } = lock;
    clock.stall(3 * TTL);
    await clock.advance(0);
    expect(signal.aborted).toBe(true);
    expectLost('expired');
  });

  it('nothing is refreshed or reported as held, and the server is not even asked', async () => {
    clock.stall(VALID);
    expect(lock.remaining).toBe(0);
    expect(await lock.isHeld()).toBe(false);
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    expect(() => lock.autoRefresh()).toThrow(LockLostError);
    expect(backend.calls).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('the signal that is first read then is aborted already, and costs nothing', () => {
    clock.stall(VALID);
    expectLost('expired');
    expect(clock.pending).toBe(0);
    expect(backend.count('onForced')).toBe(0);
  });

  it('a release tells the server all the same, and the caller that the work was not protected', async () => {
    clock.stall(VALID);
    await expect(lock.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    await expect(lock.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    expect(backend.calls).toEqual(['release']);
    expect(await creator.isLocked()).toBe(false);
  });

  it('a release that is the first to notice happens once, also when its listeners release as well', async () => {
    const { signal } = lock;
    const releases = [] as Promise<void>[];
    signal.addEventListener('abort', () => releases.push(lock.release()));
    clock.stall(TTL);
    releases.push(lock.release());
    await expect(releases[0]).rejects.toThrow(signal.reason);
    await expect(releases[1]).rejects.toThrow(signal.reason);
    expect(backend.count('release')).toBe(1);
  });

  it('a release that fails with what no backend may reject with is no unhandled rejection', async () => {
    clock.stall(TTL);
    const unhandled = await unhandledDuring(async () => {
      backend.answers.release = () => Promise.reject(new TypeError('a bug'));
      await expect(lock.release()).rejects.toMatchObject({ reason: 'expired' });
    });
    expect(unhandled).toEqual([]);
  });

  it('a release that cannot tell the server still says that the lease was lost', async () => {
    backend.answers.release = () => Promise.reject(unavailable());
    clock.stall(VALID);
    await expect(lock.release()).rejects.toBeInstanceOf(LockLostError);
    await clock.advance(0);
  });

  it('it stays lost for the first reason', async () => {
    clock.stall(VALID);
    expectLost('expired');
    await loseSilently();
    expect(await lock.isHeld()).toBe(false);
    await expect(lock.refresh()).rejects.toMatchObject({ reason: 'expired' });
    expectLost('expired');
  });
});

describe('a refresh', () => {
  it('starts the TTL anew, here and on the server', async () => {
    await clock.advance(5_000);
    await lock.refresh();
    expect(lock.remaining).toBe(VALID);
    await clock.advance(VALID - 1);
    lock.assertHeld();
    expect((await creator.inspect()).holders).toMatchObject([{ owner: lock.owner, remainingTtl: 103 }]);
  });

  it('takes another TTL, which then stays', async () => {
    await lock.refresh(60_000);
    expect(lock.ttl).toBe(60_000);
    expect(lock.remaining).toBe(60_000 - 602);
    await clock.advance(1_000);
    await lock.refresh();
    expect(lock.remaining).toBe(60_000 - 602);
    await lock.refresh(1_000);
    expect(lock.ttl).toBe(1_000);
    expect(lock.remaining).toBe(988);
  });

  it('row 7: counts from before the send when the answer takes half a TTL', async () => {
    backend.answers.refresh = async (grant, ttlMs) => {
      const refreshed = await backend.memory.refresh(grant, ttlMs);
      await new Promise<void>((resolve) => clock.callAt(clock.now() + TTL / 2, resolve));
      return refreshed;
    };
    const refreshed = lock.refresh();
    await clock.advance(TTL / 2);
    await refreshed;
    expect(lock.remaining).toBe(VALID - TTL / 2);
  });

  it('moves the abort of a signal that somebody has read already', async () => {
    const { signal } = lock;
    await clock.advance(5_000);
    await lock.refresh();
    await clock.advance(VALID - 1);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expectLost('expired');
    expect(clock.pending).toBe(0);
  });

  it('row 5: to a shorter TTL aborts the signal at the new deadline, not at the old', async () => {
    const { signal } = lock;
    await lock.refresh(1_000);
    await clock.advance(987);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.aborted).toBe(true);
    expectLost('expired');
    expect(clock.pending).toBe(0);
  });

  it('row 5: to a shorter TTL whose outcome is unknown shortens the deadline, since it may have happened', async () => {
    const { signal } = lock;
    backend.answers.refresh = () => Promise.reject(unavailable());
    await expect(lock.refresh(1_000)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    expect(lock.remaining).toBe(988);
    expect(lock.ttl).toBe(1_000);
    await clock.advance(988);
    expect(signal.aborted).toBe(true);
    expectLost('expired');
  });

  it('to a shorter TTL counts while the answer is still out', async () => {
    backend.answers.refresh = never;
    void lock.refresh(1_000);
    expect(lock.remaining).toBe(988);
  });

  it('is sent after the one that is out, so that the server cannot be asked for the shorter one last', async () => {
    const answers = new Map([1_000, 20_000, 60_000].map((ttl) => [ttl, answer<boolean>()]));
    const sent: number[] = [];
    backend.answers.refresh = (_, ttlMs) => {
      sent.push(ttlMs);
      return answers.get(ttlMs)!.promise;
    };
    const [short, middle, long] = [lock.refresh(1_000), lock.refresh(20_000), lock.refresh(60_000)];
    expect(lock.ttl).toBe(60_000);
    await clock.advance(100);
    expect(sent).toEqual([1_000]);
    expect(lock.remaining).toBe(888);
    answers.get(1_000)?.resolve(true);
    await short;
    await clock.advance(100);
    expect(sent).toEqual([1_000, 20_000]);
    expect(lock.remaining).toBe(788);
    answers.get(20_000)?.reject(unavailable());
    await expect(middle).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    answers.get(60_000)?.resolve(true);
    await long;
    expect(sent).toEqual([1_000, 20_000, 60_000]);
    expect(lock.remaining).toBe(59_398);
  });

  it('that waits for another is not sent once the lease is over', async () => {
    const first = answer<boolean>();
    backend.answers.refresh = () => first.promise;
    const [out, released] = [lock.refresh(), lock.refresh()];
    await lock.release();
    first.resolve(false);
    await Promise.all([out, released]);
    expect(backend.count('refresh')).toBe(1);
  });

  it('of unknown outcome is not a loss', async () => {
    backend.answers.refresh = () => Promise.reject(unavailable());
    await clock.advance(1_000);
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND', retryable: true });
    expect(lock.signal.aborted).toBe(false);
    expect(lock.remaining).toBe(VALID - 1_000);
    backend.answers = {};
    await lock.refresh();
    expect(lock.remaining).toBe(VALID);
    await lock.release();
  });

  it('row 8: after the lease was lost rejects, never recreates it, and asks only once', async () => {
    await loseSilently();
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    expect(await creator.isLocked()).toBe(false);
    expectLost('taken');
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    expect(backend.count('refresh')).toBe(1);
    await expect(lock.release()).rejects.toMatchObject({ reason: 'taken' });
  });

  it('row 8: after the lease was lost leaves the next holder alone', async () => {
    await loseSilently();
    const next = await creator.acquire(TTL);
    await expect(lock.refresh(60_000)).rejects.toMatchObject({ reason: 'taken' });
    expect((await creator.inspect()).holders).toMatchObject([{ owner: next.owner, remainingTtl: TTL }]);
    await next.release();
  });

  it('row 8: does not revive a lease that has ended on the server, though nobody took the lock since', async () => {
    const { name, owner, fencingToken, ttl: ttlMs } = lock;
    const grant = { name, owner, fencingToken, units: 1, ttlMs, deadline: clock.now() + VALID };
    clock.stall(TTL - 1);
    expect(await backend.memory.refresh(grant, TTL)).toBe(true);
    clock.stall(TTL);
    expect(await backend.memory.refresh(grant, TTL)).toBe(false);
    expect(await creator.isLocked()).toBe(false);
  });

  it('row 5: answered with yes past the deadline does not revive the lease', async () => {
    const late = answer<boolean>();
    backend.answers.refresh = () => late.promise;
    const { signal } = lock;
    const refreshed = lock.refresh(60_000);
    await clock.advance(VALID);
    expect(signal.aborted).toBe(true);
    late.resolve(true);
    await expect(refreshed).rejects.toBe(signal.reason);
    expectLost('expired');
  });

  it('row 5: answered with yes past the deadline does not revive a lease that nobody looked at', async () => {
    const late = answer<boolean>();
    backend.answers.refresh = () => late.promise;
    const refreshed = lock.refresh(60_000);
    clock.stall(VALID);
    late.resolve(true);
    await expect(refreshed).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    expectLost('expired');
  });

  it.each([true, false])('answered with %s after the release is ignored', async (refreshedThen) => {
    const late = answer<boolean>();
    backend.answers.refresh = () => late.promise;
    const { signal } = lock;
    const refreshed = lock.refresh();
    await lock.release();
    late.resolve(refreshedThen);
    await refreshed;
    expect(signal.aborted).toBe(false);
    expect(lock.remaining).toBe(0);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    expect(clock.pending).toBe(0);
  });

  it('after the release rejects without asking the server', async () => {
    await lock.release();
    backend.calls.length = 0;
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED', lockName: 'orders:42' });
    expect(backend.calls).toEqual([]);
  });
});

describe('the question whether it is held', () => {
  it('notices that the server no longer knows the lease', async () => {
    await loseSilently();
    lock.assertHeld();
    expect(await lock.isHeld()).toBe(false);
    expectLost('taken');
    await expect(lock.release()).rejects.toMatchObject({ reason: 'taken' });
  });

  it('notices that somebody else holds the lock', async () => {
    await loseSilently();
    const next = await creator.acquire(TTL);
    expect(await lock.isHeld()).toBe(false);
    expect(await next.isHeld()).toBe(true);
    await next.release();
  });

  it('rejects when the server cannot be asked, which is no loss', async () => {
    backend.answers.inspect = () => Promise.reject(unavailable());
    await expect(lock.isHeld()).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    lock.assertHeld();
  });

  it('row 5: is answered with no when the deadline passes meanwhile, whatever the server said', async () => {
    const state = await creator.inspect();
    const late = answer<typeof state>();
    backend.answers.inspect = () => late.promise;
    const held = lock.isHeld();
    clock.stall(VALID);
    late.resolve(state);
    expect(await held).toBe(false);
    expectLost('expired');
  });

  it('is answered with no, and no loss, when it is released meanwhile', async () => {
    const state = await creator.inspect();
    const late = answer<typeof state>();
    backend.answers.inspect = () => late.promise;
    const { signal } = lock;
    const held = lock.isHeld();
    await lock.release();
    late.resolve({ ...state, holders: [] });
    expect(await held).toBe(false);
    expect(signal.aborted).toBe(false);
  });
});

describe('a release', () => {
  it('frees the lock, once however often it is asked', async () => {
    const first = lock.release();
    expect(lock.release()).toBe(first);
    await first;
    await lock.release();
    expect(backend.calls).toEqual(['release']);
    expect(await creator.isLocked()).toBe(false);
  });

  it('hands the lock to the next in line, which a second release does not disturb', async () => {
    const waiting = creator.acquire(TTL);
    await clock.advance(0);
    await lock.release();
    const next = await waiting;
    await lock.release();
    expect(await creator.owner()).toBe(next.owner);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await next.release();
  });

  it('ends what can be done with the lock, without a loss', async () => {
    const { signal } = lock;
    await lock.release();
    backend.calls.length = 0;
    expect(signal.aborted).toBe(false);
    expect(lock.remaining).toBe(0);
    expect(await lock.isHeld()).toBe(false);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    expect(() => lock.autoRefresh()).toThrow(LockClosedError);
    expect(backend.calls).toEqual([]);
    await clock.advance(2 * TTL);
    expect(signal.aborted).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('leaves nothing to wait for, already while the server has not answered', () => {
    backend.answers.release = never;
    lock.autoRefresh();
    expect(lock.signal.aborted).toBe(false);
    expect(clock.pending).toBe(2);
    void lock.release();
    expect(clock.pending).toBe(0);
    expect(lock.remaining).toBe(0);
  });

  it('gives a signal that is first read afterwards no reason to abort, and no alarm', async () => {
    await lock.release();
    expect(lock.signal.aborted).toBe(false);
    expect(clock.pending).toBe(0);
    expect(backend.count('onForced')).toBe(0);
  });

  it('of a lease that the server no longer knows rejects: the work was not protected', async () => {
    const { signal } = lock;
    backend.answers.release = async () => false;
    const error = await lock.release().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockLostError);
    expect(error).toMatchObject({ reason: 'taken' });
    expect(signal.reason).toBe(error);
    await expect(lock.release()).rejects.toBe(error);
  });

  it('that is answered with no only after the deadline is a loss: in doubt the work was not protected', async () => {
    const late = answer<boolean>();
    backend.answers.release = () => late.promise;
    const { signal } = lock;
    const released = lock.release();
    clock.stall(TTL);
    late.resolve(false);
    await expect(released).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    expect(signal.reason).toMatchObject({ reason: 'expired' });
  });

  it('that the server could not be told says so, each time it is asked', async () => {
    const error = unavailable();
    backend.answers.release = () => Promise.reject(error);
    await expect(lock.release()).rejects.toBe(error);
    await expect(lock.release()).rejects.toBe(error);
    expect(backend.calls).toEqual(['release']);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
  });

  it('happens at the end of an `await using` block', async () => {
    await lock[Symbol.asyncDispose]();
    expect(await creator.isLocked()).toBe(false);
    await lock[Symbol.asyncDispose]();
    expect(backend.count('release')).toBe(1);
  });
});

describe('a lock that is released by force', () => {
  it('is lost as soon as its signal is read, however late that is', async () => {
    await backend.memory.forceRelease('orders:42');
    const next = await creator.acquire(TTL);
    const { signal } = lock;
    await clock.advance(0);
    expect(signal.aborted).toBe(true);
    expectLost('forced');
    next.signal.throwIfAborted();
    await next.release();
    expect(clock.pending).toBe(0);
  });

  it('aborts its signal at once', async () => {
    const { signal } = lock;
    await creator.forceRelease();
    expect(signal.aborted).toBe(true);
    expectLost('forced');
    expect(clock.pending).toBe(0);
    await expect(lock.refresh()).rejects.toMatchObject({ reason: 'forced' });
    await expect(lock.release()).rejects.toMatchObject({ reason: 'forced' });
  });

  it('finds out with its next refresh if nobody has read its signal', async () => {
    await creator.forceRelease();
    lock.assertHeld();
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
  });

  it('was not ours any more if it had been released before', async () => {
    const { signal } = lock;
    await lock.release();
    const next = await creator.acquire(TTL);
    expect(next.signal.aborted).toBe(false);
    await creator.forceRelease();
    expect(next.signal.reason).toMatchObject({ reason: 'forced' });
    expect(signal.aborted).toBe(false);
  });

  it('tells listeners of the signal once', async () => {
    const { signal } = lock;
    let aborts = 0;
    signal.addEventListener('abort', () => {
      aborts += 1;
    });
    await creator.forceRelease();
    await clock.advance(2 * TTL);
    await lock.release().catch(() => {});
    expect(aborts).toBe(1);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });
});

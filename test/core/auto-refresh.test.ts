import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Lock, LockClosedError, LockCreator, LockLostError } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { never, ScriptedBackend, unavailable } from './scripted-backend.ts';

const TTL = 10_000;
const VALID = 9_898;

let clock: ManualClock;
let backend: ScriptedBackend;
let creator: LockCreator;
let lock: Lock;
/** The instants of all refreshes, counted from the grant. */
let refreshes: number[];

beforeEach(async () => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  creator = new LockCreator('orders:42', backend);
  lock = await creator.acquire(TTL);
  answerRefresh((grant, ttlMs) => backend.memory.refresh(grant, ttlMs));
});
afterEach(() => void vi.restoreAllMocks());

type Refresh = ScriptedBackend['refresh'];

function answerRefresh(answer: Refresh): void {
  const start = clock.now();
  refreshes = [];
  backend.answers.refresh = (grant, ttlMs) => {
    refreshes.push(clock.now() - start);
    return answer(grant, ttlMs);
  };
}

/** The instant at which the signal aborts, counted from now. */
function abortOf({ signal }: Lock): { at: number | undefined; reason: unknown } {
  const start = clock.now();
  const abort = { at: undefined as number | undefined, reason: undefined as unknown };
  signal.addEventListener('abort', () => {
    abort.at = clock.now() - start;
    abort.reason = signal.reason;
  });
  return abort;
}

/** Nothing is armed, and nothing is sent however long one waits. */
async function expectStopped(): Promise<void> {
  expect(clock.pending).toBe(0);
  const before = refreshes.length;
  await clock.advance(20 * TTL);
  expect(refreshes).toHaveLength(before);
  expect(clock.pending).toBe(0);
}

describe('auto refresh', () => {
  it('refreshes at a third of the TTL', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(lock.autoRefresh()).toBe(lock);
    await clock.advance(10_001);
    expect(refreshes.map(Math.round)).toEqual([3_333, 6_667, 10_000]);
    await lock.release();
  });

  it('comes a little early by chance, at most a tenth, so that locks taken together are spread', async () => {
    const firsts: number[] = [];
    for (let i = 0; i < 200; i++) {
      const one = (await new LockCreator(`order:${i}`, backend).acquire(TTL)).autoRefresh();
      const start = clock.now();
      const { length } = refreshes;
      while (refreshes.length === length) await clock.advance(10);
      firsts.push(clock.now() - start);
      await one.release();
    }
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(3_000);
    expect(Math.max(...firsts)).toBeLessThanOrEqual(3_340);
    expect(Math.max(...firsts) - Math.min(...firsts)).toBeGreaterThan(200);
  });

  it('keeps a lease for as long as it runs', async () => {
    lock.autoRefresh();
    const abort = abortOf(lock);
    await clock.advance(100 * TTL);
    expect(abort.at).toBeUndefined();
    lock.assertHeld();
    expect(await lock.isHeld()).toBe(true);
    expect(refreshes.length).toBeGreaterThanOrEqual(300);
    expect(refreshes.length).toBeLessThanOrEqual(334);
    await lock.release();
  });

  it('goes by the new TTL after a refresh with another one', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    lock.autoRefresh();
    await clock.advance(1_000);
    await lock.refresh(90_000);
    await clock.advance(100_000);
    const [before = 0, last = 0] = refreshes.slice(-2);
    expect(Math.round(last - before)).toBe(30_000);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    await expectStopped();
  });

  it('keeps a lease also after a refresh with a shorter TTL', async () => {
    lock.autoRefresh();
    await lock.refresh(500);
    await clock.advance(5_000);
    lock.assertHeld();
    expect(clock.pending).toBe(1);
    await lock.release();
    await expectStopped();
  });

  it('keeps a lease also when the answer to a refresh with a shorter TTL was lost', async () => {
    lock.autoRefresh();
    let asked = 0;
    backend.answers.refresh = async (grant, ttlMs) => {
      asked += 1;
      await backend.memory.refresh(grant, ttlMs);
      if (asked === 1) throw unavailable();
      return true;
    };
    await expect(lock.refresh(500)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    await clock.advance(5_000);
    lock.assertHeld();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });

  it('runs once however often it is started, with the options of the last start', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    lock.autoRefresh({ maxHold: 5 }).autoRefresh().autoRefresh();
    expect(clock.pending).toBe(1);
    await clock.advance(TTL + 1);
    expect(refreshes).toHaveLength(3);
    await lock.release();
    await expectStopped();
  });

  it('row 5: sends nothing after a stall beyond the TTL, but says that the lease is lost', async () => {
    lock.autoRefresh();
    const abort = abortOf(lock);
    clock.stall(3 * TTL);
    await clock.advance(0);
    expect(refreshes).toEqual([]);
    expect(abort.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    await expectStopped();
  });

  it('cannot be started on a lease that is over', async () => {
    const lost = await new LockCreator('x', backend).acquire(TTL);
    await lock.release();
    expect(() => lock.autoRefresh()).toThrow(LockClosedError);
    clock.stall(TTL);
    expect(() => lost.autoRefresh()).toThrow(LockLostError);
    await expectStopped();
  });
});

describe('row 9: auto refresh stops', () => {
  it('at the release', async () => {
    lock.autoRefresh();
    await clock.advance(4 * TTL);
    await lock.release();
    await expectStopped();
    expect(await creator.isLocked()).toBe(false);
  });

  it('at a release that fails', async () => {
    backend.answers.release = () => Promise.reject(unavailable());
    lock.autoRefresh();
    await expect(lock.release()).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    await expectStopped();
  });

  it('at a release while a refresh is under way, whatever that comes to', async () => {
    for (const outcome of [true, false, unavailable()]) {
      const one = (await new LockCreator('x', backend).acquire(TTL)).autoRefresh();
      let settle = (): void => {};
      answerRefresh(
        () =>
          new Promise((resolve, reject) => {
            settle = () => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
          }),
      );
      await clock.advance(TTL / 3);
      expect(refreshes).toHaveLength(1);
      await one.release();
      settle();
      await expectStopped();
    }
  });

  it('when the task of using() throws', async () => {
    await lock.release();
    const failure = new Error('the task failed');
    await expect(creator.using(TTL, 0, () => Promise.reject(failure))).rejects.toBe(failure);
    await expectStopped();
  });

  it('when the server says that the lease is gone', async () => {
    lock.autoRefresh();
    const abort = abortOf(lock);
    await backend.memory.forceRelease('x');
    answerRefresh(async () => false);
    await clock.advance(TTL / 3);
    expect(refreshes).toHaveLength(1);
    expect(abort.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    await expectStopped();
  });

  it('when the lease is released by force', async () => {
    lock.autoRefresh();
    const abort = abortOf(lock);
    await creator.forceRelease();
    expect(abort).toMatchObject({ at: 0, reason: { reason: 'forced' } });
    await expectStopped();
    expect(await creator.isLocked()).toBe(false);
  });

  it('at maxHold: the lease then ends within its TTL, and that is noticed', async () => {
    lock.autoRefresh({ maxHold: 25_000 });
    const abort = abortOf(lock);
    await clock.advance(25_000);
    lock.assertHeld();
    const { length } = refreshes;
    expect(length).toBeGreaterThan(5);
    await clock.advance(TTL);
    expect(refreshes).toHaveLength(length);
    expect(abort.reason).toMatchObject({ reason: 'expired' });
    expect(abort.at).toBeGreaterThan(25_000);
    expect(abort.at).toBeLessThanOrEqual(25_000 + VALID);
    await expectStopped();
  });

  it('at maxHold also when nobody reads the signal, and keeps no alarm beyond the end', async () => {
    lock.autoRefresh({ maxHold: 1 });
    expect(clock.pending).toBe(1);
    await clock.advance(VALID + 1);
    expect(refreshes).toEqual([]);
    await expectStopped();
    expect(() => lock.assertHeld()).toThrow(LockLostError);
  });

  it('at maxHold, and at a release after it leaves nothing', async () => {
    lock.autoRefresh({ maxHold: 100 });
    await clock.advance(5_000);
    lock.assertHeld();
    expect(clock.pending).toBe(1);
    await lock.release();
    await expectStopped();
  });

  it('at maxHold goes on watching the end when somebody refreshes by hand', async () => {
    lock.autoRefresh({ maxHold: 100 });
    await clock.advance(5_000);
    await lock.refresh();
    const abort = abortOf(lock);
    await clock.advance(VALID - 1);
    lock.assertHeld();
    await clock.advance(2);
    expect(abort).toMatchObject({ at: VALID, reason: { reason: 'expired' } });
    await expectStopped();
  });
});

describe('a refresh that fails', () => {
  it('row 8: is repeated, and the lease is still held when the server is back in time', async () => {
    let failures = 8;
    answerRefresh(async (grant, ttlMs) => {
      if (failures-- > 0) throw unavailable();
      return backend.memory.refresh(grant, ttlMs);
    });
    lock.autoRefresh();
    const abort = abortOf(lock);
    await clock.advance(10 * TTL);
    expect(failures).toBeLessThan(0);
    expect(abort.at).toBeUndefined();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    await expectStopped();
  });

  it('row 8: is repeated with growing pauses, never longer than a tenth of the TTL', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
    answerRefresh(() => Promise.reject(unavailable()));
    lock.autoRefresh();
    await clock.advance(VALID + 1);
    const pauses = refreshes.slice(0, 9).map((at, i) => Math.round(at - (refreshes[i - 1] ?? 0)));
    expect(pauses).toEqual([3_000, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    await expectStopped();
  });

  it('row 8: is never repeated within the same millisecond, however small the pauses by chance', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    answerRefresh(() => Promise.reject(unavailable()));
    lock.autoRefresh();
    await clock.advance(3_333 + 100);
    expect(refreshes.length).toBeGreaterThan(90);
    expect(refreshes.length).toBeLessThanOrEqual(101);
    await lock.release();
  });

  it('row 8: for ever is a loss exactly at the deadline', async () => {
    answerRefresh(() => Promise.reject(unavailable()));
    lock.autoRefresh();
    const abort = abortOf(lock);
    await clock.advance(VALID - 1);
    lock.assertHeld();
    await clock.advance(TTL);
    expect(abort.at).toBe(VALID);
    expect(abort.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
    expect(Math.max(...refreshes)).toBeLessThan(VALID);
    await expectStopped();
  });

  it('row 8: for ever ends with the lease also when nobody reads the signal', async () => {
    answerRefresh(() => Promise.reject(unavailable()));
    lock.autoRefresh();
    await clock.advance(VALID + 1);
    await expectStopped();
    await expect(lock.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
  });

  it('row 8: by never being answered is a loss exactly at the deadline', async () => {
    answerRefresh(never);
    lock.autoRefresh();
    const abort = abortOf(lock);
    await clock.advance(10 * TTL);
    expect(abort).toMatchObject({ at: VALID, reason: { reason: 'expired' } });
    await expectStopped();
  });

  it('row 3: by never being answered does not live on in a lock that is released', async () => {
    answerRefresh(never);
    lock.autoRefresh();
    await clock.advance(TTL / 2);
    await lock.release();
    await expectStopped();
  });

  it('counts anew after one that succeeded', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
    const outcomes = [false, false, true, false, true];
    answerRefresh(async (grant, ttlMs) => {
      if (!outcomes.shift()) throw unavailable();
      return backend.memory.refresh(grant, ttlMs);
    });
    lock.autoRefresh();
    await clock.advance(6_200);
    const pauses = refreshes.map((at, i) => Math.round(at - (refreshes[i - 1] ?? 0)));
    expect(pauses).toEqual([3_000, 20, 40, 3_000, 20]);
    await lock.release();
  });

  it('because the backend was closed meanwhile does not bring the process down', async () => {
    lock.autoRefresh();
    const abort = abortOf(lock);
    answerRefresh(() => Promise.reject(new LockClosedError('the backend is closed')));
    expect(await unhandledDuring(() => clock.advance(TTL))).toEqual([]);
    expect(abort).toMatchObject({ at: VALID, reason: { reason: 'expired' } });
    expect(clock.pending).toBe(0);
  });

  it('by what no backend may reject with is repeated all the same, with a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const bug = new TypeError('a bug');
    answerRefresh((grant, ttlMs) =>
      refreshes.length === 1 ? Promise.reject(bug) : backend.memory.refresh(grant, ttlMs),
    );
    lock.autoRefresh();
    expect(await unhandledDuring(() => clock.advance(3 * TTL))).toEqual([]);
    expect(lock.signal.aborted).toBe(false);
    expect(warn.mock.calls).toEqual([[bug]]);
    await lock.release();
  });
});

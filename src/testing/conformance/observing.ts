import { expect, it } from 'vitest';
import type { LockState } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import type { LockView } from './drained-lock.ts';
import type { Stage } from './stage.ts';

/** What others can see of a lock, and do to it. */
export function observingCases(stage: Stage): void {
  it('shows who holds the lock and how many wait', async () => {
    const { name, kind } = stage;
    const creator = stage.creator();
    // Who does not know better takes a name that nobody uses for a mutex.
    const capacity = kind.drained > 0 ? kind.capacity : 1;
    expect(await creator.inspect()).toEqual({ name, capacity, holders: [], waiters: 0 });
    expect(await creator.owner()).toBeNull();
    const lock = await creator.acquire(30_000);
    const waiting = stage.creator().acquire(30_000);
    await stage.queued(creator, 1);
    const state = await stage.creator().inspect();
    expect(state).toMatchObject({ name, capacity: kind.capacity, waiters: 1 });
    expect(state.holders).toEqual([
      {
        owner: lock.owner,
        client: lock.owner.split(':')[0],
        units: kind.units,
        fencingToken: lock.fencingToken,
        remainingTtl: expect.any(Number),
      },
    ]);
    expect(state.holders[0]?.remainingTtl).toBeGreaterThan(20_000);
    await lock.release();
    await (await waiting).release();
  });

  it('is handed on by force, and the holder learns of it at once', async () => {
    const creator = stage.creator();
    expect(await creator.forceRelease()).toBe(false);
    const lock = await creator.acquire(30_000);
    const { signal } = lock;
    const waiting = stage.creator().acquire(30_000);
    await stage.queued(creator, 1);
    // The subscription that carries the news is opened by the first look at the signal.
    await until(async () => (await stage.creator().forceRelease()) || signal.aborted, { what: 'the force' });
    const next = await waiting;
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await until(() => signal.aborted, { what: 'the signal to abort' });
    expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'forced' });
    await expect(lock.release()).rejects.toMatchObject({ reason: 'forced' });
    expect(await next.isHeld()).toBe(true);
  });

  it('finds out by a refresh that the lock was taken', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(30_000);
    await stage.creator().forceRelease();
    const next = await stage.creator().acquire(30_000);
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    expect(await next.isHeld()).toBe(true);
    expect(await lock.isHeld()).toBe(false);
  });

  it('is watched: as it is now, then each grant, release and expiry', async () => {
    const creator = stage.creator();
    const { states, ended } = follow(creator, 7);
    await until(() => states.length === 1, { what: 'the first state' });
    const first = await creator.acquire(30_000);
    const second = stage.creator().acquire(200);
    await stage.queued(creator, 1);
    await first.release();
    const { fencingToken } = await second;
    await until(() => states.length === 4, { what: 'the expiry' });
    const third = await stage.creator().acquire(30_000);
    await third.release();
    const fourth = await stage.creator().acquire(30_000);
    await ended;
    expect(states.map(({ holders }) => holders[0]?.fencingToken ?? 'free')).toEqual([
      'free',
      first.fencingToken,
      fencingToken,
      'free',
      third.fencingToken,
      'free',
      fourth.fencingToken,
    ]);
  });

  it('ends a watch with the signal, and with the client', async () => {
    const abort = new AbortController();
    const aborted = follow(stage.creator(), 100, abort.signal);
    const client = stage.client();
    const closed = follow(stage.creator(client), 100);
    await until(() => aborted.states.length + closed.states.length === 2, { what: 'both first states' });
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(aborted.ended).rejects.toBe(reason);
    await client.close();
    await closed.ended;
  });
}

function follow(creator: LockView, count: number, signal?: AbortSignal) {
  const states: LockState[] = [];
  const run = async () => {
    for await (const state of creator.watch(signal ? { signal } : {})) {
      states.push(state);
      if (states.length === count) return;
    }
  };
  return { states, ended: run() };
}

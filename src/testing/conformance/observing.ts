import assert from 'node:assert/strict';
import type { LockState } from '../../core/backend.ts';
import { until } from '../wait.ts';
import type { LockView } from './drained-lock.ts';
import type { Stage } from './stage.ts';

/** What others can see of a lock, and do to it. */
export function observingCases(stage: Stage): void {
  const { it } = stage;
  it('shows who holds the lock and how many wait', async () => {
    const { name, kind } = stage;
    const creator = stage.creator();
    // Who does not know better takes a name that nobody uses for a mutex.
    const capacity = kind.drained > 0 ? kind.capacity : 1;
    assert.deepEqual(await creator.inspect(), { name, capacity, holders: [], waiters: 0 });
    assert.equal(await creator.owner(), null);
    const lock = await creator.acquire(30_000);
    const waiting = stage.creator().acquire(30_000);
    await stage.queued(creator, 1);
    const state = await stage.creator().inspect();
    const { owner, fencingToken } = lock;
    const holder = { owner, client: owner.split(':')[0], units: kind.units, fencingToken };
    const remainingTtl = state.holders[0]?.remainingTtl ?? 0;
    const holders = [{ ...holder, remainingTtl }];
    assert.deepEqual(state, { name, capacity: kind.capacity, holders, waiters: 1 });
    assert.ok(remainingTtl > 20_000);
    await lock.release();
    await (await waiting).release();
  });

  it('is handed on by force, and the holder learns of it at once', async () => {
    const creator = stage.creator();
    assert.equal(await creator.forceRelease(), false);
    const lock = await creator.acquire(30_000);
    const { signal } = lock;
    const waiting = stage.creator().acquire(30_000);
    await stage.queued(creator, 1);
    // The subscription that carries the news is opened by the first look at the signal.
    await until(async () => (await stage.creator().forceRelease()) || signal.aborted, { what: 'the force' });
    const next = await waiting;
    assert.ok(next.fencingToken > lock.fencingToken);
    await until(() => signal.aborted, { what: 'the signal to abort' });
    assert.equal(signal.reason.code, 'ERR_LOCK_LOST');
    // Who could not hear of it yet finds the lease gone.
    assert.match(signal.reason.reason, /^(forced|taken)$/);
    await assert.rejects(lock.release(), signal.reason);
    assert.equal(await next.isHeld(), true);
    assert.equal(await stage.creator().tryAcquire(1_000), null);
  });

  it('is handed on by force once, also when the holder releases as soon as it is told', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(30_000);
    const { signal } = lock;
    const releasing = new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(lock.release().catch(() => {})));
    });
    const waiting = stage.creator().acquire(30_000);
    await stage.queued(creator, 1);
    await until(async () => (await stage.creator().forceRelease()) || signal.aborted, { what: 'the force' });
    const next = await waiting;
    await releasing;
    assert.equal(await stage.creator().tryAcquire(1_000), null);
    assert.equal(await creator.owner(), next.owner);
  });

  it('finds out by a refresh that the lock was taken', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(30_000);
    await stage.creator().forceRelease();
    const next = await stage.creator().acquire(30_000);
    await assert.rejects(lock.refresh(), { code: 'ERR_LOCK_LOST', reason: 'taken' });
    assert.equal(await next.isHeld(), true);
    assert.equal(await lock.isHeld(), false);
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
    const seen = states.map(({ holders }) => holders[0]?.fencingToken ?? 'free');
    const tokens = [third, fourth].map((lock) => lock.fencingToken);
    assert.deepEqual(seen, ['free', first.fencingToken, fencingToken, 'free', tokens[0], 'free', tokens[1]]);
  });

  it('ends a watch with the signal, and with the client', async () => {
    const abort = new AbortController();
    const aborted = follow(stage.creator(), 100, abort.signal);
    const client = stage.client();
    const closed = follow(stage.creator(client), 100);
    await until(() => aborted.states.length + closed.states.length === 2, { what: 'both first states' });
    const reason = new Error('enough');
    abort.abort(reason);
    await assert.rejects(aborted.ended, (error) => error === reason);
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

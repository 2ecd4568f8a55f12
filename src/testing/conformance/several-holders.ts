import assert from 'node:assert/strict';
import type { LockState } from '../../core/backend.ts';
import { until } from '../wait.ts';
import { Line } from './line.ts';
import type { Stage } from './stage.ts';

/** What others can see of a lock with several holders, and do to it. */
export function severalHolderCases(stage: Stage): void {
  const { it } = stage;
  const semaphore = () => stage.client().semaphore(stage.name, 5);

  it('shows each holder, with its units and its time', async () => {
    const creator = semaphore();
    const small = await creator.acquire(30_000);
    const big = await semaphore().acquire(60_000, 1_000, { units: 3 });
    await new Line(creator).join('waiting', semaphore(), 2);
    const { holders, ...state } = await creator.inspect();
    assert.deepEqual(state, { name: stage.name, capacity: 5, waiters: 1 });
    const seen = holders.map(({ remainingTtl, ...holder }) => {
      const ttl = holder.owner === big.owner ? 60_000 : 30_000;
      assert.ok(remainingTtl > ttl - 10_000 && remainingTtl <= ttl, `${remainingTtl} ms of ${ttl} are left`);
      return holder;
    });
    const expected = [small, big].map(({ owner, units, fencingToken }) => {
      return { owner, client: owner.split(':')[0], units, fencingToken };
    });
    assert.deepEqual(byToken(seen), byToken(expected));
    assert.equal(await creator.isLocked(), true);
    assert.ok([small.owner, big.owner].includes((await creator.owner()) ?? ''));
  });

  it('is watched: all who hold it, after each grant, release and expiry', async () => {
    const creator = semaphore();
    const states: string[] = [];
    const watching = (async () => {
      for await (const state of creator.watch()) {
        states.push(unitsOf(state));
        if (states.length === 6) return;
      }
    })();
    const shown = (count: number) => until(() => states.length >= count, { what: `state ${count}` });
    await shown(1);
    const one = await creator.acquire(30_000);
    await shown(2);
    await semaphore().acquire(300, 1_000, { units: 2 });
    await shown(3);
    await shown(4);
    await semaphore().acquire(30_000, 10_000, { units: 3 });
    await shown(5);
    await one.release();
    await watching;
    assert.deepEqual(states, ['', '1', '1,2', '1', '1,3', '3']);
  });

  it('is taken from all its holders by force, who learn of it at once, and handed on', async () => {
    const creator = semaphore();
    assert.equal(await creator.forceRelease(), false);
    const line = new Line(creator);
    const held = [await creator.acquire(30_000), await semaphore().acquire(30_000, 1_000, { units: 4 })];
    const signals = held.map((lock) => lock.signal);
    const next = await line.join('all', semaphore(), 5);
    // The subscription that carries the news is opened by the first look at the signal.
    const informed = () => signals.every(({ aborted }) => aborted);
    await until(async () => (await semaphore().forceRelease()) || informed(), { what: 'the force' });
    const { fencingToken } = await next.lock;
    await until(informed, { what: 'the signals to abort' });
    for (const lock of held) {
      assert.ok(fencingToken > lock.fencingToken);
      // Who could not hear of it yet finds the lease gone.
      await assert.rejects(lock.release(), { code: 'ERR_LOCK_LOST', reason: /^(forced|taken)$/ });
    }
    await line.shows([5], 0);
  });
}

function unitsOf({ holders }: LockState): string {
  return holders
    .map(({ units }) => units)
    .sort()
    .join();
}

function byToken<T extends { fencingToken: number }>(holders: T[]): T[] {
  return holders.sort((a, b) => a.fencingToken - b.fencingToken);
}

import assert from 'node:assert/strict';
import type { Lock } from '../../core/lock.ts';
import { LockTimeoutError } from '../../errors.ts';
import type { Stage } from './stage.ts';

/** Waiting in line: order, handoff, giving up. */
export function waitingCases(stage: Stage): void {
  const { it } = stage;
  it('hands the lock to the waiters in the order of their arrival, across clients', async () => {
    const holder = stage.creator();
    const creators = [stage.creator(), stage.creator(), stage.creator()];
    const lock = await holder.acquire(30_000);
    const order: number[] = [];
    const waits: Promise<void>[] = [];
    for (const [place, creator] of [...creators, ...creators, ...creators].entries()) {
      const wait = creator.acquire(30_000).then(async (granted) => {
        order.push(place);
        await granted.release();
      });
      waits.push(wait);
      await stage.queued(holder, place + 1);
    }
    await lock.release();
    await Promise.all(waits);
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('keeps the order of the calls of one client', async () => {
    const creator = stage.creator();
    const order: number[] = [];
    const use = async (place: number) => {
      const lock = await creator.acquire(30_000);
      order.push(place);
      await lock.release();
    };
    await Promise.all(Array.from({ length: 200 }, (_, place) => use(place)));
    assert.deepEqual(
      order,
      Array.from({ length: 200 }, (_, place) => place),
    );
  });

  it('does not let anybody overtake the line', async () => {
    const busy = stage.creator();
    const patient = stage.creator();
    const lock = await busy.acquire(30_000);
    const order: string[] = [];
    const waiting = patient.acquire(30_000).then((granted) => {
      order.push('patient');
      return granted;
    });
    await stage.queued(busy, 1);
    const [, again] = await Promise.all([lock.release(), busy.tryAcquire(30_000)]);
    assert.equal(again, null);
    const behind = busy.acquire(30_000).then((granted) => {
      order.push('busy');
      return granted;
    });
    await (await waiting).release();
    await (await behind).release();
    assert.deepEqual(order, ['patient', 'busy']);
  });

  it('gives up at the wait timeout, says how long it waited, and leaves the line', async () => {
    const holder = stage.creator();
    await holder.acquire(30_000);
    const creator = stage.creator();
    // Connects first: that takes as long as it takes.
    await creator.inspect();
    const error: unknown = await creator.acquire(30_000, 150).catch((reason: unknown) => reason);
    assert.ok(error instanceof LockTimeoutError, String(error));
    assert.equal(error.code, 'ERR_LOCK_TIMEOUT');
    assert.equal(error.lockName, stage.name);
    assert.ok(error.waited >= 150);
    await stage.queued(holder, 0);
  });

  it('gives up when the signal aborts, with its reason, and leaves the line', async () => {
    const holder = stage.creator();
    await holder.acquire(30_000);
    const abort = new AbortController();
    const waiting = stage.creator().acquire(30_000, 30_000, { signal: abort.signal });
    await stage.queued(holder, 1);
    const reason = new Error('the user has left');
    abort.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await stage.queued(holder, 0);
    await assert.rejects(holder.acquire(1_000, 1_000, { signal: abort.signal }), (error) => error === reason);
  });

  it('passes over waiters that have given up', async () => {
    const holder = stage.creator();
    const lock = await holder.acquire(30_000);
    const abort = new AbortController();
    const creator = stage.creator();
    const leavers = Array.from({ length: 5 }, () =>
      creator.acquire(30_000, 30_000, { signal: abort.signal }),
    );
    await stage.queued(holder, 5);
    const stayer = stage.creator().acquire(30_000, 30_000);
    await stage.queued(holder, 6);
    abort.abort();
    const settled = await Promise.allSettled(leavers);
    assert.equal(
      settled.every(({ status }) => status === 'rejected'),
      true,
    );
    await lock.release();
    assert.ok((await stayer).fencingToken > lock.fencingToken);
  });

  it('hands the lock on when a lease runs out', async () => {
    const forgetful = stage.creator();
    const lock = await forgetful.acquire(150);
    const waiting = [stage.creator(), stage.creator()].map((creator) => creator.acquire(30_000, 10_000));
    const first: Lock = await Promise.race(waiting);
    assert.equal(lock.remaining, 0);
    assert.ok(first.fencingToken > lock.fencingToken);
    assert.ok(first.remaining > 20_000);
    await first.release();
    await Promise.all(waiting);
  });
}

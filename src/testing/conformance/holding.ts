import assert from 'node:assert/strict';
import { LockClosedError, LockLostError } from '../../errors.ts';
import { until } from '../wait.ts';
import type { Stage } from './stage.ts';

/** What a holder can do with its lease, and how it ends. */
export function holdingCases(stage: Stage): void {
  const { it } = stage;
  it('starts the TTL anew at a refresh, with another length if asked', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(20_000);
    await lock.refresh(60_000);
    assert.equal(lock.ttl, 60_000);
    assert.ok(lock.remaining > 50_000);
    const remainingTtl = async () => (await creator.inspect()).holders[0]?.remainingTtl ?? 0;
    assert.ok((await remainingTtl()) > 50_000);
    await lock.refresh(5_000);
    assert.ok((await remainingTtl()) <= 5_000);
    assert.ok((await remainingTtl()) > 0);
    assert.equal(await lock.isHeld(), true);
  });

  it('keeps a lease beyond its TTL by auto refresh, until the release', async () => {
    const creator = stage.creator();
    const lock = (await creator.acquire(2_000)).autoRefresh();
    const others = stage.creator();
    await assert.rejects(others.acquire(1_000, 2_100), { code: 'ERR_LOCK_TIMEOUT' });
    lock.assertHeld();
    assert.equal(await lock.isHeld(), true);
    await lock.release();
    assert.notEqual(await others.tryAcquire(1_000), null);
  });

  it('stops refreshing at maxHold', async () => {
    const lock = (await stage.creator().acquire(150)).autoRefresh({ maxHold: 100 });
    const next = await stage.creator().acquire(30_000, 10_000);
    assert.equal(lock.remaining, 0);
    assert.equal(lock.signal.reason.reason, 'expired');
    await next.release();
  });

  it('aborts the signal when the lease runs out', async () => {
    const lock = await stage.creator().acquire(100);
    const { signal } = lock;
    await until(() => signal.aborted, { what: 'the signal to abort' });
    assert.ok(signal.reason instanceof LockLostError);
    assert.throws(() => lock.assertHeld(), LockLostError);
    assert.equal(await lock.isHeld(), false);
    await assert.rejects(lock.refresh(), { code: 'ERR_LOCK_LOST', reason: 'expired' });
    await assert.rejects(lock.release(), { code: 'ERR_LOCK_LOST', reason: 'expired' });
  });

  it('releases once, however often it is asked', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(30_000);
    await Promise.all([lock.release(), lock.release()]);
    const next = await stage.creator().acquire(30_000);
    await lock.release();
    assert.equal(await next.isHeld(), true);
    assert.throws(() => lock.assertHeld(), LockClosedError);
    assert.equal(lock.remaining, 0);
  });

  it('never frees the lock of another holder', async () => {
    const late = await stage.creator().acquire(100);
    const next = await stage.creator().acquire(30_000, 10_000);
    await assert.rejects(late.release(), LockLostError);
    assert.equal(await next.isHeld(), true);
    assert.equal(await stage.creator().tryAcquire(1_000), null);
  });

  it('runs a task under the lock and gives back its result', async () => {
    const creator = stage.creator();
    const result = await creator.using(3_000, 1_000, async (lock) => {
      assert.equal(await lock.isHeld(), true);
      return 42;
    });
    assert.equal(result, 42);
    assert.equal(await creator.isLocked(), false);
    const failure = new Error('the task failed');
    await assert.rejects(
      creator.using(3_000, 1_000, () => Promise.reject(failure)),
      (error) => error === failure,
    );
    assert.equal(await creator.isLocked(), false);
  });

  it('releases at the end of an await-using block', async () => {
    const creator = stage.creator();
    {
      await using lock = await creator.acquire(30_000);
      assert.equal(await lock.isHeld(), true);
    }
    assert.equal(await creator.isLocked(), false);
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
    const rejected = assert.rejects(waiting, LockClosedError);
    await impatient.close();
    await rejected;
    await assert.rejects(impatient.acquire(1_000), LockClosedError);
    assert.equal(await held.isLocked(), true);
    await closing.close();
    assert.equal(await held.isLocked(), false);
    await stage.queued(blocked, 0);
    await assert.rejects(stage.creator(closing).acquire(1_000), LockClosedError);
    await blocker.release();
  });

  it('leaves the leases to their TTL when closed without release', async () => {
    const client = stage.client();
    const creator = stage.creator(client);
    const lock = (await creator.acquire(30_000)).autoRefresh();
    await creator.close({ release: false });
    assert.equal(await stage.creator().owner(), lock.owner);
    assert.deepEqual(client.held, []);
  });
}

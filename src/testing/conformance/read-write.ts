import assert from 'node:assert/strict';
import { MOST_UNITS } from '../../core/arguments.ts';
import { LockArgumentError, LockLostError } from '../../errors.ts';
import { until } from '../wait.ts';
import { Line } from './line.ts';
import type { Stage } from './stage.ts';

/** Read-write locks: many readers or one writer, in turn. */
export function readWriteCases(stage: Stage): void {
  const { it } = stage;
  const sides = () => stage.client().readWriteLock(stage.name);
  const reader = () => sides().read;
  const writer = () => sides().write;

  it('lets readers share, and a writer in only when there is nobody else', async () => {
    const line = new Line(reader());
    const first = await reader().acquire(30_000);
    const second = await reader().tryAcquire(30_000);
    assert.equal(first.units, 1);
    assert.equal(await writer().tryAcquire(30_000), null);
    await line.join('writer', writer());
    await first.release();
    await line.shows([1], 1);
    await second?.release();
    await line.grants('writer');
    await line.shows([MOST_UNITS], 0);
    assert.equal(await reader().tryAcquire(30_000), null);
    assert.equal(await writer().tryAcquire(30_000), null);
  });

  it('grants neighbouring readers together when a writer leaves', async () => {
    const line = new Line(reader());
    const writing = await writer().acquire(30_000);
    for (const name of ['r1', 'r2', 'r3']) await line.join(name, reader());
    const next = await line.join('w2', writer());
    await line.join('r4', reader());
    await writing.release();
    await line.grants('r1', 'r2', 'r3');
    await line.shows([1, 1, 1], 2);
    await next.leave();
    await line.grants('r1', 'r2', 'r3', 'r4');
  });

  it('lets a waiting writer stop later readers', async () => {
    const line = new Line(reader());
    const reading = await reader().acquire(30_000);
    const writing = await line.join('writer', writer());
    assert.equal(await reader().tryAcquire(30_000), null);
    await line.join('reader', reader());
    await line.shows([1], 2);
    await reading.release();
    await line.grants('writer');
    await (await writing.lock).release();
    await line.grants('writer', 'reader');
  });

  it('lets the writer in when the last reader does not come back', async () => {
    const line = new Line(reader());
    await reader().acquire(300);
    await reader().acquire(600);
    await line.join('writer', writer());
    await line.grants('writer');
    await line.shows([MOST_UNITS], 0);
  });

  it('lets in the readers that are next in line when a writer becomes a reader', async () => {
    const line = new Line(reader());
    const writing = await writer().acquire(30_000);
    const first = await line.join('r1', reader());
    await line.join('w2', writer());
    await line.join('r2', reader());
    await writing.downgrade();
    assert.equal(writing.units, 1);
    await line.grants('r1');
    await line.shows([1, 1], 2);
    await writing.release();
    await line.shows([1], 2);
    await (await first.lock).release();
    await line.grants('r1', 'w2');
  });

  it('lets nobody past the next writer when a writer becomes a reader', async () => {
    const line = new Line(reader());
    const writing = await writer().acquire(30_000);
    const second = await line.join('w2', writer());
    await line.join('r1', reader());
    await writing.downgrade();
    await line.shows([1], 2);
    assert.equal(await reader().tryAcquire(30_000), null);
    await writing.release();
    await line.grants('w2');
    await line.shows([MOST_UNITS], 1);
    await (await second.lock).release();
    await line.grants('w2', 'r1');
  });

  it('refuses other units than those of the side', async () => {
    const { read, write } = sides();
    for (const [side, units] of [
      [write, 1],
      [read, 2],
    ] as const) {
      await assert.rejects(side.acquire(1_000, 0, { units }), LockArgumentError);
      await assert.rejects(side.tryAcquire(1_000, { units }), LockArgumentError);
    }
    const writing = await write.acquire(30_000, 0, { units: MOST_UNITS });
    assert.equal(await read.tryAcquire(30_000, { units: 1 }), null);
    await writing.release();
  });

  it('does not downgrade a lease that is lost', async () => {
    const late = await writer().acquire(50);
    const { signal } = late;
    await until(() => signal.aborted, { what: 'the lease to run out' });
    await assert.rejects(late.downgrade(), { code: 'ERR_LOCK_LOST', reason: 'expired' });
    await assert.rejects(late.downgrade(late.units), LockLostError);
    const robbed = await writer().acquire(30_000, 10_000);
    await writer().forceRelease();
    const next = await reader().acquire(30_000);
    await assert.rejects(robbed.downgrade(), { code: 'ERR_LOCK_LOST', reason: 'taken' });
    await assert.rejects(robbed.release(), LockLostError);
    assert.equal(await next.isHeld(), true);
  });
}

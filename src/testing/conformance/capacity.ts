import assert from 'node:assert/strict';
import { LockCapacityError } from '../../errors.ts';
import type { LockCreator } from '../../lock-creator.ts';
import { until } from '../wait.ts';
import { Line } from './line.ts';
import type { Stage } from './stage.ts';

/** Who uses one name has to agree about its capacity, as long as it is in use. */
export function capacityCases(stage: Stage): void {
  const { it } = stage;
  const mutex = () => stage.client().creator(stage.name);
  const semaphore = (capacity: number) => stage.client().semaphore(stage.name, capacity);
  const readWrite = () => stage.client().readWriteLock(stage.name);

  /** `other` cannot be had while `used` is held, and is told why; the holder does not notice. */
  async function clash(used: LockCreator, other: LockCreator): Promise<void> {
    const lock = await used.acquire(30_000, 1_000);
    const expected = {
      ...{ name: 'LockCapacityError', code: 'ERR_LOCK_CAPACITY', lockName: stage.name },
      ...{ wanted: other.capacity, actual: used.capacity },
    };
    await assert.rejects(other.acquire(1_000), expected);
    await assert.rejects(other.acquire(1_000, 0), expected);
    await assert.rejects(other.tryAcquire(1_000), expected);
    assert.equal((await used.inspect()).capacity, used.capacity);
    assert.equal(await lock.isHeld(), true);
    await lock.release();
  }

  it('fails who takes a semaphore for one of another size', async () => {
    await clash(semaphore(3), semaphore(5));
    await clash(semaphore(5), semaphore(3));
  });

  it('fails who takes a mutex for a semaphore, or a semaphore for a mutex', async () => {
    await clash(mutex(), semaphore(3));
    await clash(semaphore(3), mutex());
  });

  it('fails who takes a read-write lock for something else, or something else for a read-write lock', async () => {
    await clash(readWrite().read, semaphore(3));
    await clash(semaphore(3), readWrite().read);
    await clash(readWrite().write, mutex());
    await clash(mutex(), readWrite().write);
  });

  it('lets both sides of a read-write lock meet, and a semaphore of one and a mutex', async () => {
    const reading = await readWrite().read.acquire(30_000);
    assert.equal(await readWrite().write.tryAcquire(1_000), null);
    await reading.release();
    const one = await semaphore(1).acquire(30_000);
    assert.equal(await mutex().tryAcquire(1_000), null);
    await one.release();
  });

  it('lets a free name be used with any capacity', async () => {
    for (const creator of [semaphore(3), mutex(), readWrite().write, semaphore(5), readWrite().read]) {
      const lock = await creator.acquire(30_000, 1_000);
      assert.equal((await creator.inspect()).capacity, creator.capacity);
      await lock.release();
    }
  });

  it('lets a name be used with any capacity when its leases have run out', async () => {
    await semaphore(3).acquire(100, 1_000, { units: 2 });
    const other = semaphore(5);
    const take = () =>
      other.tryAcquire(30_000).catch((error: unknown) => {
        assert.ok(error instanceof LockCapacityError);
        return null;
      });
    await until(take, { what: 'the name to be free' });
  });

  it('keeps its capacity while others wait, also when a holder leaves', async () => {
    const creator = semaphore(3);
    const line = new Line(creator);
    const lock = await creator.acquire(30_000, 1_000, { units: 3 });
    const next = await line.join('next', creator, 3);
    await assert.rejects(semaphore(5).acquire(1_000), LockCapacityError);
    await lock.release();
    await next.lock;
    await assert.rejects(mutex().acquire(1_000), LockCapacityError);
    await line.shows([3], 0);
  });
}

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  LockArgumentError,
  LockClosedError,
  LockCreator,
  LockLostError,
  LockTimeoutError,
} from '../../src/index.ts';
import { type TestKit, testKit } from '../../src/testing/kit.ts';

let kit: TestKit;
beforeEach(() => {
  kit = testKit();
});
afterEach(() => kit.close());

describe('the clients of a test kit', () => {
  it('share their locks as processes do, in the order of arrival', async () => {
    const lock = await kit.client().creator('name').acquire(30_000);
    const order: number[] = [];
    const waiting = [1, 2].map(async (place) => {
      const next = await kit.client().creator('name').acquire(30_000);
      order.push(place);
      await next.release();
    });
    await kit.clock.advance(10_000);
    expect(order).toEqual([]);
    await lock.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2]);
  });

  it('are a world of their own in each kit', async () => {
    await kit.client().creator('name').acquire(30_000);
    await using other = testKit();
    expect(await other.client().creator('name').tryAcquire(30_000)).not.toBeNull();
  });

  it('can be had as backends', async () => {
    const creator = new LockCreator('name', kit.backend());
    const lock = await creator.acquire(30_000);
    expect(await kit.client().creator('name').owner()).toBe(lock.owner);
    await creator.close();
    expect(await kit.client().creator('name').isLocked()).toBe(false);
  });

  it('reject what waits, release what is held and leave no timer when the kit is closed', async () => {
    const lock = (await kit.client().creator('name').acquire(30_000)).autoRefresh();
    const waiting = expect(kit.client().creator('name').acquire(30_000)).rejects.toThrow(LockClosedError);
    kit.delay(60_000);
    const { signal } = lock;
    await kit.close();
    await kit.close();
    await waiting;
    expect(signal.aborted).toBe(false);
    expect(kit.clock.pending).toBe(0);
  });

  it('are closed although an answer is still on its way', async () => {
    const lock = await kit.client().creator('name').acquire(30_000);
    kit.delay(60_000);
    const releasing = lock.release();
    await kit.close();
    await kit.clock.advance(60_000);
    await releasing;
  });

  it('see only the time of the clock', async () => {
    const first = await kit.client().creator('name').acquire(60_000);
    const { signal } = first;
    const waiting = kit.client().creator('name').acquire(30_000);
    const impatient = kit.client().creator('name').acquire(30_000, 50_000);
    const timedOut = expect(impatient).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', waited: 50_000 });
    await kit.clock.advance(59_000);
    await timedOut;
    expect(signal.aborted).toBe(false);
    await kit.clock.advance(1_000);
    expect(signal.reason).toMatchObject({ reason: 'expired' });
    expect((await waiting).remaining).toBe(30_000 - 302);
  });

  it('get along with fake timers of the runner', async () => {
    vi.useFakeTimers();
    try {
      const lock = (await kit.client().creator('name').acquire(1_000)).autoRefresh();
      await vi.advanceTimersByTimeAsync(60_000);
      await kit.clock.advance(60_000);
      expect(await lock.isHeld()).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('behave the same in every run', async () => {
    const run = async () => {
      await using kit = testKit();
      const creators = [kit.client(), kit.client()].map((client) => client.semaphore('name', 2));
      const grants: string[] = [];
      for (const creator of [...creators, ...creators]) {
        void creator.acquire(1_000).then(({ owner, fencingToken }) => {
          grants.push(`${owner} ${fencingToken} at ${kit.clock.now()}`);
        });
      }
      await kit.clock.advance(5_000);
      return grants;
    };
    const grants = await run();
    expect(grants[0]).toBe('client-1.test:1:1000:1 1 at 1000000');
    expect(grants).toHaveLength(4);
    expect(await run()).toEqual(grants);
  });
});

describe('kit.lose', () => {
  it.each(['expired', 'taken', 'forced'] as const)('%s: tells the holder and hands on', async (reason) => {
    const lock = (await kit.client().creator('name').acquire(30_000)).autoRefresh();
    const { signal } = lock;
    const waiting = kit.client().creator('name').acquire(30_000);
    await kit.lose(lock, reason);
    expect(signal.reason).toBeInstanceOf(LockLostError);
    expect(signal.reason).toMatchObject({ reason, lockName: 'name' });
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(await (await waiting).isHeld()).toBe(true);
    await expect(lock.release()).rejects.toMatchObject({ reason });
    expect(await (await waiting).isHeld()).toBe(true);
  });

  it.each(['expired', 'taken', 'forced'] as const)(
    '%s: also if nobody looked at the signal',
    async (reason) => {
      const lock = await kit.client().creator('name').acquire(30_000);
      await kit.lose('name', reason);
      await expect(lock.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason });
    },
  );

  it('expires by default', async () => {
    const lock = await kit.client().creator('name').acquire(30_000);
    await kit.lose('name');
    expect(lock.signal.reason).toMatchObject({ reason: 'expired' });
  });

  it('takes a name from all its holders, and a lock from its own', async () => {
    const readers = [kit.client(), kit.client(), kit.client()].map(
      (client) => client.readWriteLock('name').read,
    );
    const locks = await Promise.all(readers.map((reader) => reader.acquire(30_000)));
    const lost = () => locks.map(({ signal }) => signal.aborted);
    await kit.lose(locks[1]!, 'forced');
    expect(lost()).toEqual([false, true, false]);
    await kit.lose('name', 'taken');
    expect(lost()).toEqual([true, true, true]);
    expect(locks.map(({ signal }) => signal.reason.reason)).toEqual(['taken', 'forced', 'taken']);
    expect(await readers[0]!.isLocked()).toBe(false);
  });

  it.each(['expired', 'taken', 'forced'] as const)(
    '%s: of a lock from a backend that it is given',
    async (reason) => {
      const creator = new LockCreator('name', kit.backend());
      const lock = await creator.acquire(30_000);
      await kit.lose(lock, reason);
      expect(lock.signal.reason).toMatchObject({ reason });
    },
  );

  it('of a name, tells who holds it through a backend at the next look', async () => {
    const lock = (await new LockCreator('name', kit.backend()).acquire(30_000)).autoRefresh();
    const { signal } = lock;
    await kit.lose('name');
    expect(signal.aborted).toBe(false);
    await kit.clock.advance(10_000);
    expect(signal.reason).toMatchObject({ reason: 'expired' });
  });

  it.each(['expired', 'taken', 'forced'] as const)(
    'tells who goes on with a lease that it was %s',
    async (reason) => {
      const first = await kit.client().creator('name').acquire(30_000);
      const lock = await kit.client().resume(JSON.stringify(first));
      await kit.lose(lock, reason);
      expect(lock.signal.reason).toMatchObject({ reason });
    },
  );

  it('does not mind faults', async () => {
    const lock = await kit.client().creator('name').acquire(30_000);
    kit.delay(1_000);
    kit.fail();
    await kit.lose(lock, 'forced');
    expect(lock.signal.reason).toMatchObject({ reason: 'forced' });
  });

  it('rejects when there is nothing to lose', async () => {
    await expect(kit.lose('name')).rejects.toThrow(LockArgumentError);
    const lock = await kit.client().creator('name').acquire(30_000);
    await lock.release();
    const other = await kit.client().creator('name').acquire(30_000);
    await expect(kit.lose(lock)).rejects.toThrow(LockArgumentError);
    await expect(kit.lose(other, 'stolen' as 'taken')).rejects.toThrow('expired, taken, forced');
    expect(await other.isHeld()).toBe(true);
  });
});

describe('kit.occupy', () => {
  it('keeps everybody waiting until the release', async () => {
    const occupant = await kit.occupy('name');
    const creator = kit.client().creator('name');
    const timedOut = expect(creator.acquire(30_000, 5_000)).rejects.toThrow(LockTimeoutError);
    const waiting = creator.acquire(30_000);
    await kit.clock.advance(1_000_000_000);
    await timedOut;
    expect(await creator.owner()).toBe(occupant.owner);
    await occupant.release();
    expect((await waiting).remaining).toBeGreaterThan(0);
  });

  it('takes all units of a semaphore, and both sides of a read-write lock', async () => {
    const semaphore = kit.client().semaphore('semaphore', 3);
    await kit.occupy(semaphore);
    expect(await semaphore.tryAcquire(1_000)).toBeNull();
    const { read, write } = kit.client().readWriteLock('rw');
    await kit.occupy(read);
    expect(await read.tryAcquire(1_000)).toBeNull();
    expect(await write.tryAcquire(1_000)).toBeNull();
  });

  it('rejects when somebody has it, and does not mind faults', async () => {
    kit.fail();
    kit.delay(1_000);
    const occupant = await kit.occupy('name');
    await expect(kit.occupy('name')).rejects.toThrow(LockTimeoutError);
    await occupant.release();
    kit.restore();
    expect(await kit.client().creator('name').isLocked()).toBe(false);
  });
});

import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockClient, LockCreator } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ScriptedBackend } from './scripted-backend.ts';

const TTL = 10_000;

let clock: ManualClock;
let backend: ScriptedBackend;
let client: LockClient;
let creator: LockCreator;

beforeEach(() => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  client = new LockClient(backend);
  creator = client.creator('orders:42');
});

/** What has become of a promise so far. */
function follow<T>(promise: Promise<T>): { value?: T; error?: unknown; at?: number } {
  const outcome: { value?: T; error?: unknown; at?: number } = {};
  promise.then(
    (value) => Object.assign(outcome, { value, at: clock.now() }),
    (error: unknown) => Object.assign(outcome, { error, at: clock.now() }),
  );
  return outcome;
}

describe('an acquire', () => {
  it('is granted first come, first served, across the creators of a backend', async () => {
    const holder = await creator.acquire(TTL);
    const order: number[] = [];
    const creators = [creator, new LockCreator('orders:42', backend), client.creator('orders:42')];
    const all = Array.from({ length: 9 }, async (_, i) => {
      const lock = await creators[i % 3]!.acquire(TTL);
      order.push(i);
      await lock.release();
    });
    await clock.advance(100);
    expect(order).toEqual([]);
    await holder.release();
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(clock.pending).toBe(0);
  });

  it('gets a higher fence with every grant', async () => {
    let last = 0;
    for (let i = 0; i < 20; i++) {
      const lock = await creator.acquire(TTL);
      expect(lock.fencingToken).toBeGreaterThan(last);
      last = lock.fencingToken;
      if (i % 2 === 0) await lock.release();
      else await clock.advance(TTL);
    }
  });

  it('is granted when the lease of a holder that never released has ended on the server, not before', async () => {
    const holder = await creator.acquire(TTL);
    const waiting = follow(creator.acquire(TTL));
    await clock.advance(TTL - 1);
    expect(waiting).toEqual({});
    await clock.advance(1);
    expect(waiting.value?.remaining).toBe(9_898);
    await expect(holder.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    expect(await waiting.value?.isHeld()).toBe(true);
    await waiting.value?.release();
    expect(clock.pending).toBe(0);
  });

  it('waits for the end of a lease that is refreshed meanwhile', async () => {
    const holder = await creator.acquire(TTL);
    const waiting = follow(creator.acquire(TTL));
    await clock.advance(5_000);
    await holder.refresh(20_000);
    await clock.advance(19_999);
    expect(waiting).toEqual({});
    await clock.advance(1);
    expect(waiting.value).toBeDefined();
  });

  it('with a wait timeout of 0 never overtakes those in line', async () => {
    await creator.acquire(TTL);
    const waiting = follow(creator.acquire(TTL));
    await clock.advance(0);
    clock.stall(TTL);
    // The lease has ended, and the head of the line is about to be served.
    await expect(creator.acquire(TTL, 0)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', waited: 0 });
    expect(await creator.tryAcquire(TTL)).toBeNull();
    await clock.advance(0);
    expect(waiting.value).toBeDefined();
  });

  it('rejects with what the backend throws, and leaves no listener', async () => {
    const failure = new Error('broken');
    const { signal } = new AbortController();
    const fail = (): never => {
      throw failure;
    };
    backend.answers.acquire = fail;
    backend.answers.tryAcquire = fail;
    await expect(creator.acquire(TTL, 100, { signal })).rejects.toBe(failure);
    await expect(creator.tryAcquire(TTL, { signal })).rejects.toBe(failure);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await client.close();
  });

  it('rejects with what the backend rejects with, and leaves no listener', async () => {
    const failure = new Error('broken');
    const { signal } = new AbortController();
    backend.answers.acquire = () => Promise.reject(failure);
    backend.answers.tryAcquire = () => Promise.reject(failure);
    await expect(creator.acquire(TTL, 100, { signal })).rejects.toBe(failure);
    await expect(creator.acquire(TTL, 0, { signal })).rejects.toBe(failure);
    await expect(creator.tryAcquire(TTL, { signal })).rejects.toBe(failure);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(client.held).toEqual([]);
    await client.close();
  });
});

describe('a wait timeout', () => {
  it('ends the wait exactly at its deadline, and the place in line', async () => {
    const holder = await creator.acquire(TTL);
    const start = clock.now();
    const waiting = follow(creator.acquire(TTL, 3_000));
    await clock.advance(2_999);
    expect(waiting).toEqual({});
    expect((await creator.inspect()).waiters).toBe(1);
    await clock.advance(1);
    expect(waiting).toMatchObject({
      at: start + 3_000,
      error: { code: 'ERR_LOCK_TIMEOUT', lockName: 'orders:42', waited: 3_000 },
    });
    expect((await creator.inspect()).waiters).toBe(0);
    expect(clock.pending).toBe(0);
    await holder.release();
    expect(await creator.isLocked()).toBe(false);
  });

  it('lets those behind move up', async () => {
    const holder = await creator.acquire(TTL);
    const first = follow(creator.acquire(TTL, 1_000));
    const second = follow(creator.acquire(TTL, 2_000));
    await clock.advance(1_500);
    await holder.release();
    await clock.advance(0);
    expect(first.error).toMatchObject({ code: 'ERR_LOCK_TIMEOUT', waited: 1_000 });
    await second.value?.release();
    expect(clock.pending).toBe(0);
  });

  it('does not end a lock that was granted before', async () => {
    const lock = await creator.acquire(TTL, 100);
    await clock.advance(200);
    expect(await lock.isHeld()).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

describe('an abort', () => {
  it.each([
    ['the reason of the signal', new Error('the user left')],
    ['a reason that is no error', 'gone'],
    ['null, if that is the reason given', null],
  ])('ends the wait with %s', async (_, reason) => {
    const holder = await creator.acquire(TTL);
    const controller = new AbortController();
    const waiting = creator.acquire(TTL, 1_000, { signal: controller.signal });
    waiting.catch(() => {});
    await clock.advance(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect((await creator.inspect()).waiters).toBe(0);
    expect(clock.pending).toBe(0);
    await holder.release();
  });

  it('without a reason ends the wait with an AbortError', async () => {
    await creator.acquire(TTL);
    const controller = new AbortController();
    const waiting = creator.acquire(TTL, 1_000, { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('before the call rejects with the reason, and asks the backend nothing', async () => {
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    await expect(creator.acquire(TTL, 1_000, { signal })).rejects.toBe(reason);
    await expect(creator.acquire(TTL, 0, { signal })).rejects.toBe(reason);
    await expect(creator.tryAcquire(TTL, { signal })).rejects.toBe(reason);
    await expect(creator.using(TTL, 0, () => 1, { signal })).rejects.toBe(reason);
    await expect(creator.watch({ signal }).next()).rejects.toBe(reason);
    expect(backend.calls).toEqual([]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('of one waiter leaves the others in line', async () => {
    const holder = await creator.acquire(TTL);
    const controller = new AbortController();
    const waiting = [
      follow(creator.acquire(TTL)),
      follow(creator.acquire(TTL, 5_000, { signal: controller.signal })),
      follow(creator.acquire(TTL)),
    ];
    await clock.advance(0);
    controller.abort();
    await holder.release();
    await clock.advance(0);
    expect(waiting[1]?.error).toMatchObject({ name: 'AbortError' });
    await waiting[0]?.value?.release();
    await clock.advance(0);
    await waiting[2]?.value?.release();
    expect(clock.pending).toBe(0);
  });

  it('after the grant ends nothing, and finds no listener any more', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const granted = await creator.acquire(TTL, 1_000, { signal });
    const tried = await client.creator('x').tryAcquire(TTL, { signal });
    const timedOut = creator.acquire(TTL, 1_000, { signal });
    const expectation = expect(timedOut).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    await clock.advance(1_000);
    await expectation;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    controller.abort();
    expect(granted.signal.aborted).toBe(false);
    expect(await granted.isHeld()).toBe(true);
    expect(await tried?.isHeld()).toBe(true);
    await client.close();
  });
});

describe('the leases a client holds', () => {
  it('are listed oldest first, with those of all its creators', async () => {
    const locks: Lock[] = [];
    for (const name of ['c', 'a', 'b']) locks.push(await client.creator(name).acquire(TTL));
    await new LockClient(backend).creator('d').acquire(TTL);
    expect(client.held).toEqual(locks);
    await locks[0]?.release();
    expect(client.held).toEqual(locks.slice(1));
  });

  it('do not include those that ran out, though nobody has noticed yet', async () => {
    const short = await client.creator('short').acquire(1_000);
    const long = await client.creator('long').acquire(TTL);
    await clock.advance(987);
    expect(client.held).toEqual([short, long]);
    await clock.advance(1);
    expect(client.held).toEqual([long]);
  });

  it('do not include those that were lost', async () => {
    const lock = await creator.acquire(TTL);
    expect(lock.signal.aborted).toBe(false);
    await creator.forceRelease();
    expect(client.held).toEqual([]);
  });

  it('are a list of their own, which nobody can change', async () => {
    const lock = await creator.acquire(TTL);
    const { held } = client;
    await lock.release();
    expect(held).toEqual([lock]);
    expect(client.held).toEqual([]);
  });
});

describe('what can be seen of a lock', () => {
  it('is its holder and how many wait for it', async () => {
    expect(await creator.inspect()).toEqual({
      name: 'orders:42',
      capacity: 1,
      holders: [],
      waiters: 0,
    });
    expect(await creator.isLocked()).toBe(false);
    expect(await creator.owner()).toBeNull();
    const lock = await creator.acquire(TTL);
    const waiting = follow(creator.acquire(TTL));
    await clock.advance(1_000);
    expect(await creator.inspect()).toEqual({
      name: 'orders:42',
      capacity: 1,
      holders: [
        {
          owner: lock.owner,
          client: lock.owner.slice(0, lock.owner.indexOf(':')),
          units: 1,
          fencingToken: lock.fencingToken,
          remainingTtl: 9_000,
        },
      ],
      waiters: 1,
    });
    expect(await creator.isLocked()).toBe(true);
    expect(await creator.owner()).toBe(lock.owner);
    await lock.release();
    await clock.advance(0);
    expect(await creator.owner()).toBe(waiting.value?.owner);
  });

  it('is nothing of a lease that has ended', async () => {
    await creator.acquire(TTL);
    await clock.advance(TTL);
    expect(await creator.isLocked()).toBe(false);
    expect(await creator.owner()).toBeNull();
    expect(await creator.forceRelease()).toBe(false);
  });
});

describe('a release by force', () => {
  it('hands the lock to the next in line, and says whether there was a holder', async () => {
    expect(await creator.forceRelease()).toBe(false);
    await creator.acquire(TTL);
    const waiting = follow(creator.acquire(TTL));
    await clock.advance(0);
    expect(await creator.forceRelease()).toBe(true);
    await clock.advance(0);
    expect(await waiting.value?.isHeld()).toBe(true);
    await waiting.value?.release();
    expect(clock.pending).toBe(0);
  });
});

import pDefer from 'p-defer';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Owners } from '../../src/core/owner.ts';
import { LockClient, LockClosedError, LockCreator } from '../../src/index.ts';
import { MemoryBackend } from '../../src/memory/backend.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { armedAlarms } from '../support/armed-alarms.ts';
import { answerTo, never, ScriptedBackend, unavailable } from './scripted-backend.ts';

const TTL = 10_000;

let clock: ManualClock;
let backend: ScriptedBackend;
let client: LockClient;
let creator: LockCreator;
/** Somebody else, on the same locks. */
let observer: LockCreator;

beforeEach(() => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  client = new LockClient(backend);
  creator = client.creator('orders:42');
  observer = new LockCreator('orders:42', backend);
});
afterEach(() => void vi.restoreAllMocks());

describe('the close of a client', () => {
  it('rejects pending acquires, which leave the line', async () => {
    const holder = await observer.acquire(TTL);
    const waiting = [creator.acquire(TTL), creator.acquire(TTL, 5_000)];
    const rejections = waiting.map((pending) =>
      expect(pending).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED', lockName: 'orders:42' }),
    );
    await clock.advance(0);
    await client.close();
    await Promise.all(rejections);
    expect(await observer.inspect()).toMatchObject({ holders: [{ owner: holder.owner }], waiters: 0 });
    expect(clock.pending).toBe(0);
  });

  it('leaves no alarm behind, not even the one that is kept from wait to wait', async () => {
    const armed = armedAlarms(clock);
    const memory = new LockClient(new MemoryBackend(clock, new Owners('me')));
    const lock = await memory.creator('x').acquire(TTL);
    const next = memory.creator('x').acquire(TTL, 5_000);
    await lock.release();
    await (await next).release();
    expect({ kept: clock.pending, armed: armed.size }).toEqual({ kept: 0, armed: 1 });
    await memory.close();
    expect(armed.size).toBe(0);
  });

  it('releases what is held, and hands it to whoever waits', async () => {
    const lock = await creator.acquire(TTL);
    const other = await client.creator('x').acquire(TTL);
    const waiting = observer.acquire(TTL);
    await clock.advance(0);
    const { signal } = lock;
    lock.autoRefresh();
    await client.close();
    expect(await (await waiting).isHeld()).toBe(true);
    expect(client.held).toEqual([]);
    expect(signal.aborted).toBe(false);
    expect(() => other.assertHeld()).toThrow(LockClosedError);
    await lock.release();
    expect(clock.pending).toBe(0);
  });

  it('with `release: false` leaves what is held to its TTL, but refreshes it no more', async () => {
    const lock = (await creator.acquire(TTL)).autoRefresh();
    const { signal } = lock;
    expect(clock.pending).toBe(2);
    await client.close({ release: false });
    expect(clock.pending).toBe(0);
    expect(client.held).toEqual([]);
    expect(await observer.owner()).toBe(lock.owner);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    expect(signal.aborted).toBe(false);
    await lock.release();
    expect(backend.count('release')).toBe(0);
    await clock.advance(TTL);
    expect(await observer.isLocked()).toBe(false);
  });

  it('ends what can be asked of it', async () => {
    await client.close();
    backend.calls.length = 0;
    const closed = { code: 'ERR_LOCK_CLOSED' };
    for (const one of [creator, client.creator('made afterwards')]) {
      await expect(one.acquire(TTL)).rejects.toMatchObject(closed);
      await expect(one.acquire(TTL, 0)).rejects.toMatchObject(closed);
      await expect(one.tryAcquire(TTL)).rejects.toMatchObject(closed);
      await expect(one.using(TTL, 0, () => 1)).rejects.toMatchObject(closed);
      await expect(one.inspect()).rejects.toMatchObject(closed);
      await expect(one.isLocked()).rejects.toMatchObject(closed);
      await expect(one.owner()).rejects.toMatchObject(closed);
      await expect(one.forceRelease()).rejects.toMatchObject(closed);
      await expect(one.watch().next()).rejects.toMatchObject(closed);
    }
    expect(backend.calls).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('takes effect at once, before its releases are answered', async () => {
    await creator.acquire(TTL);
    backend.answers.release = never;
    void client.close();
    await expect(creator.acquire(TTL)).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED' });
  });

  it('happens once', async () => {
    await creator.acquire(TTL);
    const holder = new LockClient(backend);
    await observer.close();
    await Promise.all([client.close(), client.close(), client[Symbol.asyncDispose]()]);
    await client.close();
    expect(backend.count('release')).toBe(1);
    expect(backend.count('close')).toBe(0);
    await holder.close();
    expect(backend.count('close')).toBe(1);
  });

  it('waits for its releases before it ends the connections, but no longer than 5 s', async () => {
    await observer.close();
    await creator.acquire(TTL);
    backend.answers.release = never;
    let closed = false;
    const closing = client.close().then(() => {
      closed = true;
    });
    await clock.advance(4_999);
    expect(closed).toBe(false);
    expect(backend.count('close')).toBe(0);
    await clock.advance(1);
    expect(closed).toBe(true);
    expect(backend.count('close')).toBe(1);
    await closing;
    expect(clock.pending).toBe(0);
  });

  it('is no failure when a server cannot be told, or a lease is lost already', async () => {
    await creator.acquire(TTL);
    const lost = await client.creator('x').acquire(TTL);
    backend.answers.release = async (grant) => {
      if (grant.owner === lost.owner) return false;
      throw unavailable();
    };
    await client.close();
    expect(backend.count('release')).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it('ends the connections also when a release fails with what no backend may reject with', async () => {
    await observer.close();
    await creator.acquire(TTL);
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const bug = new TypeError('a bug');
    backend.answers.release = () => Promise.reject(bug);
    await client.close();
    expect(backend.count('close')).toBe(1);
    expect(warn.mock.calls).toEqual([[bug]]);
    expect(clock.pending).toBe(0);
  });

  it('waits for a release that is under way', async () => {
    await observer.close();
    const lock = await creator.acquire(TTL);
    let answer: (released: boolean) => void = () => {};
    backend.answers.release = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const released = lock.release();
    const closing = client.close();
    await clock.advance(0);
    expect(backend.count('close')).toBe(0);
    answer(true);
    await Promise.all([released, closing]);
    expect(backend.count('close')).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe('the close of a creator', () => {
  it('that a client made leaves the other creators of the client alone', async () => {
    const other = client.creator('x');
    const same = client.creator('orders:42');
    const kept = await other.acquire(TTL);
    const own = await creator.acquire(TTL);
    const keptWaiting = same.acquire(TTL);
    const ownWaiting = expect(creator.acquire(TTL)).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    await clock.advance(0);
    await creator.close();
    await ownWaiting;
    expect(() => own.assertHeld()).toThrow(LockClosedError);
    const granted = await keptWaiting;
    expect(client.held).toEqual([kept, granted]);
    expect(await kept.isHeld()).toBe(true);
    expect(backend.count('close')).toBe(0);
    await expect(creator.acquire(TTL)).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    await expect(creator.inspect()).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    expect((await same.inspect()).waiters).toBe(0);
    await client.close();
  });

  it('with `release: false` leaves its leases to their TTL', async () => {
    const lock = await creator.acquire(TTL);
    await creator.close({ release: false });
    expect(backend.count('release')).toBe(0);
    expect(await observer.owner()).toBe(lock.owner);
    await clock.advance(TTL);
    expect(await observer.isLocked()).toBe(false);
  });

  it('that stands alone gives back the backend', async () => {
    await client.close();
    const lock = await observer.acquire(TTL);
    expect(backend.count('close')).toBe(0);
    await observer[Symbol.asyncDispose]();
    expect(backend.count('close')).toBe(1);
    expect(backend.count('release')).toBe(1);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    await expect(observer.acquire(TTL)).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    await observer.close();
    expect(backend.count('close')).toBe(1);
  });
});

describe('a grant that a close could not stop', () => {
  /** Answers the next acquire once `open` is called, whatever happens meanwhile. */
  function gate(): () => void {
    const { promise, resolve: open } = pDefer<void>();
    backend.answers.acquire = async (request) => {
      backend.answers = {};
      await promise;
      return answerTo(request, (own) => backend.memory.acquire(own));
    };
    return open;
  }

  it.each(['the creator', 'the client'])('of %s is given back', async (which) => {
    const open = gate();
    const rejection = expect(creator.acquire(TTL)).rejects.toMatchObject({
      code: 'ERR_LOCK_CLOSED',
      lockName: 'orders:42',
    });
    await (which === 'the client' ? client : creator).close();
    open();
    await rejection;
    expect(await (await observer.acquire(TTL)).isHeld()).toBe(true);
    expect(client.held).toEqual([]);
  });

  it('is rejected as closed also when it cannot be given back', async () => {
    const open = gate();
    const rejection = expect(creator.acquire(TTL)).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    await creator.close();
    backend.answers.release = () => Promise.reject(unavailable());
    open();
    await rejection;
    expect(backend.count('release')).toBe(1);
    expect(client.held).toEqual([]);
    await clock.advance(0);
  });

  it('comes before it: then the lock is released by the close', async () => {
    const holder = await observer.acquire(TTL);
    const pending = creator.acquire(TTL);
    await clock.advance(0);
    const next = observer.acquire(TTL);
    await clock.advance(0);
    // Handed over, but the caller has not heard of it yet.
    const released = holder.release();
    await Promise.all([released, creator.close()]);
    const lock = await pending;
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    expect(await (await next).isHeld()).toBe(true);
    expect(client.held).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  LockArgumentError,
  LockBackendError,
  LockCapacityError,
  type LockClient,
  type LockState,
  LockTimeoutError,
} from '../../src/index.ts';
import { type FaultOptions, type ServerCall, type TestKit, testKit } from '../../src/testing/kit.ts';

let kit: TestKit;
let client: LockClient;
beforeEach(() => {
  kit = testKit();
  client = kit.client();
});
afterEach(() => kit.close());

/** Whether it is settled when all has happened that needs no time. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const settle = () => {
    done = true;
  };
  promise.then(settle, settle);
  await kit.clock.advance(0);
  return done;
}

describe('kit.delay', () => {
  it('lets a grant take effect at once and arrive late, with the rest of its time', async () => {
    kit.delay(100);
    const acquiring = client.creator('name').acquire(30_000);
    await kit.clock.advance(99);
    expect(await settled(acquiring)).toBe(false);
    kit.restore();
    expect(await kit.client().creator('name').isLocked()).toBe(true);
    await kit.clock.advance(1);
    expect((await acquiring).remaining).toBe(30_000 - 302 - 100);
  });

  it('delays each kind of answer', async () => {
    const creator = client.semaphore('name', 2);
    const lock = await creator.acquire(30_000, 1_000, { units: 2 });
    kit.delay(100);
    const calls = [
      () => lock.isHeld(),
      () => lock.refresh(),
      () => lock.downgrade(),
      () => creator.tryAcquire(1_000, { units: 2 }),
      () => creator.inspect(),
      () => lock.release(),
      () => creator.forceRelease(),
    ];
    for (const call of calls) {
      const answer = call();
      await kit.clock.advance(99);
      expect(await settled(answer), String(call)).toBe(false);
      await kit.clock.advance(1);
      expect(await settled(answer), String(call)).toBe(true);
    }
  });

  it('lets a release hand over at once and be answered late', async () => {
    const lock = await client.creator('name').acquire(30_000);
    const waiting = kit.client().creator('name').acquire(30_000);
    kit.delay(100, { client });
    const releasing = lock.release();
    expect(await settled(waiting)).toBe(true);
    expect(await settled(releasing)).toBe(false);
    await kit.clock.advance(100);
    await releasing;
  });

  it('takes back the grant that comes after the wait timeout', async () => {
    kit.delay(100);
    const late = expect(client.creator('name').acquire(30_000, 60)).rejects;
    const timedOut = late.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', waited: 60 });
    await kit.clock.advance(60);
    await timedOut;
    kit.restore();
    expect(await client.creator('name').isLocked()).toBe(false);
  });

  it('takes back the grant that comes after the caller has left', async () => {
    const abort = new AbortController();
    kit.delay(100, { client });
    const acquiring = client.creator('name').acquire(30_000, 30_000, { signal: abort.signal });
    const aborted = expect(acquiring).rejects.toBe('enough');
    const next = kit.client().creator('name').acquire(30_000);
    expect(await settled(next)).toBe(false);
    abort.abort('enough');
    await aborted;
    expect(await settled(next)).toBe(true);
    await kit.clock.advance(1_000);
    expect(await (await next).isHeld()).toBe(true);
  });

  it('leaves it to the client alone when to stop waiting', async () => {
    await kit.occupy('name');
    kit.delay(100);
    const abort = new AbortController();
    const creator = client.creator('name');
    const timedOut = expect(creator.acquire(1_000, 50)).rejects.toThrow(LockTimeoutError);
    const aborted = expect(creator.acquire(1_000, 500, { signal: abort.signal })).rejects.toBe('enough');
    await kit.clock.advance(50);
    await timedOut;
    abort.abort('enough');
    await aborted;
  });

  it('makes a try wait for its answer', async () => {
    await kit.occupy('name');
    kit.delay(100);
    const trying = client.creator('name').tryAcquire(1_000);
    const once = expect(client.creator('name').acquire(1_000, 0)).rejects.toThrow(LockTimeoutError);
    await kit.clock.advance(100);
    expect(await trying).toBeNull();
    await once;
  });

  it('loses the lease whose refresh is answered after its end', async () => {
    const lock = (await client.creator('name').acquire(1_000)).autoRefresh();
    const { signal } = lock;
    kit.delay(2_000, { on: 'refresh' });
    await kit.clock.advance(1_000);
    expect(signal.reason).toMatchObject({ reason: 'expired' });
  });

  it('brings news late', async () => {
    const creator = client.creator('name');
    const lock = await creator.acquire(30_000);
    const { signal } = lock;
    const states: LockState[] = [];
    void (async () => {
      for await (const state of creator.watch()) states.push(state);
    })();
    await kit.clock.advance(0);
    kit.delay(100, { client });
    await kit.client().creator('name').forceRelease();
    await kit.clock.advance(99);
    expect([states.length, signal.aborted]).toEqual([1, false]);
    await kit.clock.advance(1);
    expect([states.length, signal.aborted]).toEqual([2, true]);
  });

  it('delays what the server says of a capacity', async () => {
    await kit.occupy(client.semaphore('name', 3));
    kit.delay(100);
    const acquiring = client.semaphore('name', 5).acquire(1_000);
    const refused = expect(acquiring).rejects.toThrow(LockCapacityError);
    expect(await settled(acquiring)).toBe(false);
    await kit.clock.advance(100);
    await refused;
  });

  it('adds up, and ends one by one', async () => {
    const end = kit.delay(100);
    kit.delay(20);
    const slow = client.creator('name').isLocked();
    await kit.clock.advance(119);
    expect(await settled(slow)).toBe(false);
    await kit.clock.advance(1);
    expect(await slow).toBe(false);
    end();
    const quicker = client.creator('name').isLocked();
    await kit.clock.advance(20);
    expect(await settled(quicker)).toBe(true);
  });
});

describe('kit.fail', () => {
  const retryable = { code: 'ERR_LOCK_BACKEND', reason: 'unavailable', retryable: true, lockName: 'name' };

  it('fails each kind of call, which has no effect', async () => {
    const creator = client.semaphore('name', 3);
    const lock = await creator.acquire(30_000, 1_000, { units: 2 });
    kit.fail();
    await expect(creator.acquire(30_000)).rejects.toMatchObject(retryable);
    await expect(creator.tryAcquire(30_000)).rejects.toThrow(LockBackendError);
    await expect(creator.acquire(30_000, 0)).rejects.toMatchObject(retryable);
    await expect(lock.refresh(60_000)).rejects.toMatchObject(retryable);
    await expect(lock.downgrade()).rejects.toMatchObject(retryable);
    await expect(lock.isHeld()).rejects.toMatchObject(retryable);
    await expect(creator.inspect()).rejects.toMatchObject(retryable);
    await expect(creator.forceRelease()).rejects.toMatchObject(retryable);
    await expect(creator.watch().next()).rejects.toMatchObject(retryable);
    kit.restore();
    const { holders, waiters } = await creator.inspect();
    expect([holders, waiters]).toMatchObject([[{ units: 2, remainingTtl: 30_000 }], 0]);
    kit.fail();
    await expect(lock.release()).rejects.toMatchObject(retryable);
    kit.restore();
    expect(await creator.isLocked()).toBe(true);
    await kit.clock.advance(30_000);
    expect(await creator.isLocked()).toBe(false);
  });

  it('fails only the next calls, of some kinds, of one client', async () => {
    const creator = client.creator('name');
    const outcome = (promise: Promise<unknown>) =>
      promise.then(
        () => 'ok',
        () => 'failed',
      );
    kit.fail('unavailable', { times: 2, on: ['inspect', 'forceRelease'], client });
    expect(await outcome(creator.tryAcquire(30_000))).toBe('ok');
    expect(await outcome(kit.client().creator('name').inspect())).toBe('ok');
    expect(await outcome(creator.inspect())).toBe('failed');
    expect(await outcome(creator.forceRelease())).toBe('failed');
    expect(await outcome(creator.inspect())).toBe('ok');
    const backend = kit.backend();
    const end = kit.fail('unavailable', { client: backend });
    expect(await outcome(backend.inspect('name'))).toBe('failed');
    end();
    expect(await outcome(backend.inspect('name'))).toBe('ok');
  });

  it('leaves those in line where they are', async () => {
    const lock = await client.creator('name').acquire(30_000);
    const waiting = kit.client().creator('name').acquire(30_000);
    kit.fail('unavailable', { on: 'acquire' });
    await lock.release();
    expect(await settled(waiting)).toBe(true);
  });

  it('is survived by an auto refresh if it is short, and loses the lease if it is not', async () => {
    const lock = (await client.creator('name').acquire(3_000)).autoRefresh();
    const { signal } = lock;
    let restore = kit.fail('unavailable', { on: 'refresh' });
    await kit.clock.advance(2_000);
    restore();
    await kit.clock.advance(10_000);
    expect(signal.aborted).toBe(false);
    restore = kit.fail('unavailable', { on: 'refresh' });
    await kit.clock.advance(3_000);
    expect(signal.reason).toMatchObject({ reason: 'expired' });
    restore();
  });

  it('fails as it is told: for which reason, with which error, how late', async () => {
    const creator = client.creator('name');
    kit.fail('denied', { times: 1 });
    await expect(creator.inspect()).rejects.toMatchObject({ reason: 'denied', retryable: false });
    const own = new Error('of the test');
    kit.fail(own, { times: 2 });
    await expect(creator.inspect()).rejects.toBe(own);
    kit.delay(100);
    const acquiring = creator.acquire(1_000);
    const failed = expect(acquiring).rejects.toBe(own);
    await kit.clock.advance(99);
    expect(await settled(acquiring)).toBe(false);
    await kit.clock.advance(1);
    await failed;
  });
});

describe('faults', () => {
  it('refuse what they do not know', () => {
    const options: [FaultOptions, string][] = [
      [{ on: 'aquire' as ServerCall }, 'on'],
      [{ times: 0 }, 'times'],
      [{ times: 1.5 }, 'times'],
      [{ client: testKit().client() }, 'client'],
    ];
    for (const [option, argument] of options) {
      for (const fault of [() => kit.fail('unavailable', option), () => kit.delay(5, option)]) {
        expect(fault).toThrow(expect.objectContaining({ code: 'ERR_LOCK_ARGUMENT', argument }));
      }
    }
    expect(() => kit.fail('gone' as 'failed')).toThrow(LockArgumentError);
    for (const ms of [-1, 0.5, Number.NaN]) expect(() => kit.delay(ms)).toThrow(LockArgumentError);
  });
});

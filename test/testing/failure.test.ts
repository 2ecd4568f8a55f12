import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockArgumentError, LockBackendError, type LockClient } from '../../src/index.ts';
import { type FaultOptions, type ServerCall, type TestKit, testKit } from '../../src/testing/kit.ts';
import { settled } from './settled.ts';

let kit: TestKit;
let client: LockClient;
beforeEach(() => {
  kit = testKit();
  client = kit.client();
});
afterEach(() => kit.close());

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
    expect(await settled(kit, waiting)).toBe(true);
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
    expect(await settled(kit, acquiring)).toBe(false);
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

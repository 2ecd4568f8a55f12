import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockCapacityError, type LockClient, type LockState, LockTimeoutError } from '../../src/index.ts';
import { type TestKit, testKit } from '../../src/testing/kit.ts';
import { settled } from './settled.ts';

let kit: TestKit;
let client: LockClient;
beforeEach(() => {
  kit = testKit();
  client = kit.client();
});
afterEach(() => kit.close());

describe('kit.delay', () => {
  it('lets a grant take effect at once and arrive late, with the rest of its time', async () => {
    kit.delay(100);
    const acquiring = client.creator('name').acquire(30_000, 1_000);
    await kit.clock.advance(99);
    expect(await settled(kit, acquiring)).toBe(false);
    kit.restore();
    expect(await kit.client().creator('name').isLocked()).toBe(true);
    await kit.clock.advance(1);
    expect((await acquiring).remaining).toBe(30_000 - 302 - 100);
    expect(kit.clock.pending).toBe(0);
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
      expect(await settled(kit, answer), String(call)).toBe(false);
      await kit.clock.advance(1);
      expect(await settled(kit, answer), String(call)).toBe(true);
    }
  });

  it('lets a release hand over at once and be answered late', async () => {
    const lock = await client.creator('name').acquire(30_000);
    const waiting = kit.client().creator('name').acquire(30_000);
    kit.delay(100, { client });
    const releasing = lock.release();
    expect(await settled(kit, waiting)).toBe(true);
    expect(await settled(kit, releasing)).toBe(false);
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
    await kit.clock.advance(100);
    expect(client.held).toEqual([]);
  });

  it('takes back the grant that comes after the caller has left', async () => {
    const abort = new AbortController();
    kit.delay(100, { client });
    const acquiring = client.creator('name').acquire(30_000, 30_000, { signal: abort.signal });
    const aborted = expect(acquiring).rejects.toBe('enough');
    const next = kit.client().creator('name').acquire(30_000);
    expect(await settled(kit, next)).toBe(false);
    abort.abort('enough');
    await aborted;
    expect(await settled(kit, next)).toBe(true);
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
    expect(await settled(kit, acquiring)).toBe(false);
    await kit.clock.advance(100);
    await refused;
  });

  it('adds up, and ends one by one', async () => {
    const end = kit.delay(100);
    kit.delay(20);
    const slow = client.creator('name').isLocked();
    await kit.clock.advance(119);
    expect(await settled(kit, slow)).toBe(false);
    await kit.clock.advance(1);
    expect(await slow).toBe(false);
    end();
    const quicker = client.creator('name').isLocked();
    await kit.clock.advance(20);
    expect(await settled(kit, quicker)).toBe(true);
  });
});

import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockArgumentError, LockClient, LockClosedError, LockLostError } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ENGINES } from '../conformance/engines.ts';
import { never, ScriptedBackend, unavailable } from '../core/scripted-backend.ts';
import { until } from '../support/wait.ts';
import { engineStage } from './engine-stage.ts';

const TTL = 10_000;
/** The TTL less the drift. */
const VALID = 9_898;

describe('a lock that is handed to another process', () => {
  let clock: ManualClock;
  let backend: ScriptedBackend;
  let giver: LockClient;
  let taker: LockClient;
  let lock: Lock;

  beforeEach(async () => {
    clock = new ManualClock();
    backend = new ScriptedBackend(clock);
    giver = new LockClient(backend);
    taker = new LockClient(backend);
    lock = await giver.creator('orders:42').acquire(TTL);
    backend.calls.length = 0;
  });

  it('becomes what is needed to go on with it, and costs no call', () => {
    const { owner, fencingToken } = lock;
    const json = lock.toJSON();
    expect(json).toEqual({ version: 1, name: 'orders:42', owner, fencingToken, units: 1, ttl: TTL });
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(lock.toJSON()).toBe(json);
    expect(backend.calls).toEqual([]);
  });

  it('is given up by JSON.stringify, too, however deep it is in what is made JSON of', () => {
    const text = JSON.stringify({ step: 2, leases: [lock] });
    expect(JSON.parse(text)).toEqual({ step: 2, leases: [lock.toJSON()] });
    expect(lock.remaining).toBe(0);
  });

  it('is neither refreshed nor released by the first handle, nor lost by it', async () => {
    const { signal } = lock.autoRefresh();
    lock.toJSON();
    expect(clock.pending).toBe(0);
    expect(backend.listening).toBe(0);
    expect(giver.held).toEqual([]);
    expect(lock.remaining).toBe(0);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    expect(() => lock.assertHeld()).toThrow('handed to another process');
    expect(() => lock.autoRefresh()).toThrow(LockClosedError);
    await expect(lock.refresh()).rejects.toThrow(LockClosedError);
    expect(await lock.isHeld()).toBe(false);
    backend.calls.length = 0;
    await lock.release();
    await lock[Symbol.asyncDispose]();
    await giver.close();
    await clock.advance(TTL - 1);
    expect(backend.calls).toEqual([]);
    expect(await backend.memory.inspect('orders:42')).toMatchObject({ holders: [{ owner: lock.owner }] });
    await clock.advance(TTL);
    expect(signal.aborted).toBe(false);
  });

  it('has a signal that does not abort, also when it is first read afterwards', async () => {
    lock.toJSON();
    const { signal } = lock;
    await clock.advance(2 * TTL);
    expect(signal.aborted).toBe(false);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is told to the backend, which may have to forget it', () => {
    const forgotten: string[] = [];
    Object.assign(backend, { forget: ({ owner }: { owner: string }) => forgotten.push(owner) });
    lock.toJSON();
    lock.toJSON();
    expect(forgotten).toEqual([lock.owner]);
  });

  it('is not lost by a refresh of the first handle that was on its way', async () => {
    const { signal } = lock;
    let answer: (refreshed: boolean) => void = () => {};
    backend.answers.refresh = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const refreshing = lock.refresh();
    lock.toJSON();
    answer(false);
    await refreshing;
    expect(signal.aborted).toBe(false);
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
  });

  it('cannot be handed over once it is lost or released', async () => {
    const released = await giver.creator('other').acquire(TTL);
    await released.release();
    expect(() => released.toJSON()).toThrow(LockClosedError);
    clock.stall(VALID);
    expect(() => lock.toJSON()).toThrow(LockLostError);
    expect(() => JSON.stringify(lock)).toThrow(LockLostError);
  });

  it('is held again where it is resumed, with its whole TTL, after one refresh', async () => {
    const json = lock.toJSON();
    await clock.advance(VALID - 1);
    const resumed = await taker.resume(JSON.stringify(json));
    expect(backend.calls).toEqual(['refresh']);
    expect(resumed).not.toBe(lock);
    const { owner, fencingToken } = lock;
    expect(resumed).toMatchObject({ name: 'orders:42', owner, fencingToken, units: 1, ttl: TTL });
    expect(resumed.remaining).toBe(VALID);
    expect(taker.held).toEqual([resumed]);
    expect(giver.held).toEqual([]);
    const { signal } = resumed;
    await clock.advance(VALID);
    expect(signal.reason).toMatchObject({ reason: 'expired' });
    expect(taker.held).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('is what it always was where it is resumed: refreshed, handed on, released', async () => {
    const resumed = (await taker.resume(lock.toJSON())).autoRefresh();
    await clock.advance(5 * TTL);
    resumed.assertHeld();
    await resumed.refresh(60_000);
    const again = await giver.resume(resumed.toJSON());
    expect(again.ttl).toBe(60_000);
    expect(giver.held).toEqual([again]);
    await again.release();
    expect(await giver.creator('orders:42').isLocked()).toBe(false);
  });

  it('is released at the close of the client that has resumed it', async () => {
    const resumed = await taker.resume(lock.toJSON());
    await taker.close();
    expect(() => resumed.assertHeld()).toThrow(LockClosedError);
    expect(await giver.creator('orders:42').isLocked()).toBe(false);
  });

  it('counts from before the send where it is resumed', async () => {
    backend.answers.refresh = async (grant, ttlMs) => {
      const refreshed = await backend.memory.refresh(grant, ttlMs);
      await new Promise<void>((resolve) => clock.callAt(clock.now() + TTL / 2, resolve));
      return refreshed;
    };
    const resuming = taker.resume(lock.toJSON());
    await clock.advance(TTL / 2);
    expect((await resuming).remaining).toBe(VALID - TTL / 2);
  });

  it('is lost, and given back, when the answer comes after its deadline', async () => {
    backend.answers.refresh = async (grant, ttlMs) => {
      const refreshed = await backend.memory.refresh(grant, ttlMs);
      clock.stall(VALID);
      return refreshed;
    };
    await expect(taker.resume(lock.toJSON())).rejects.toMatchObject({ reason: 'expired' });
    expect(backend.calls).toEqual(['refresh', 'release']);
    expect(taker.held).toEqual([]);
  });

  it('is lost when it ran out before it was resumed', async () => {
    const json = lock.toJSON();
    await clock.advance(TTL);
    const next = await giver.creator('orders:42').acquire(TTL);
    await expect(taker.resume(json)).rejects.toMatchObject({
      ...{ code: 'ERR_LOCK_LOST', reason: 'taken', lockName: 'orders:42' },
    });
    expect(taker.held).toEqual([]);
    expect(await next.isHeld()).toBe(true);
    await next.release();
  });

  it('can be resumed once more after an outcome that is unknown', async () => {
    const json = lock.toJSON();
    backend.answers.refresh = () => Promise.reject(unavailable());
    await expect(taker.resume(json)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    expect(taker.held).toEqual([]);
    backend.answers = {};
    expect(await (await taker.resume(json)).isHeld()).toBe(true);
  });

  it('stays as it is when the client that resumes it is closed first or meanwhile', async () => {
    const json = lock.toJSON();
    let answer: (refreshed: boolean) => void = () => {};
    backend.answers.refresh = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const resuming = expect(taker.resume(json)).rejects.toThrow(LockClosedError);
    await taker.close();
    answer(true);
    await resuming;
    await expect(taker.resume(json)).rejects.toThrow(LockClosedError);
    expect(backend.count('refresh')).toBe(1);
    expect(backend.count('release')).toBe(0);
    backend.answers = {};
    expect(await (await giver.resume(json)).isHeld()).toBe(true);
  });

  it.each([
    ['json', null],
    ['json', 'no JSON'],
    ['json', '42'],
    ['json', undefined],
    ['json.version', { version: 2 }],
    ['json.version', {}],
    ['json.name', { name: '' }],
    ['json.name', { name: 'x'.repeat(513) }],
    ['json.owner', { owner: 'force' }],
    ['json.owner', { owner: 'client:1:1000 x' }],
    ['json.owner', { owner: 7 }],
    ['json.fencingToken', { fencingToken: '7' }],
    ['json.fencingToken', { fencingToken: 0 }],
    ['json.fencingToken', { fencingToken: 2 ** 53 }],
    ['json.units', { units: 0 }],
    ['json.ttl', { ttl: 9 }],
    ['json.ttl', { ttl: 1.5 }],
  ])('is refused for a wrong %s: %o', async (argument, wrong) => {
    const json = lock.toJSON();
    const fields = typeof wrong === 'object' && wrong !== null ? { ...json, ...wrong } : wrong;
    const given =
      argument === 'json.version' ? { ...json, version: undefined, ...(wrong as object) } : fields;
    for (const each of typeof given === 'object' ? [given, JSON.stringify(given)] : [given]) {
      const refused = await taker.resume(each as never).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(LockArgumentError);
      expect(refused).toMatchObject({ argument });
    }
    expect(backend.calls).toEqual([]);
  });

  it('is resumed without waiting for what the first handle still had under way', async () => {
    backend.answers.refresh = never;
    void lock.refresh();
    const json = lock.toJSON();
    backend.answers = {};
    expect((await taker.resume(json)).remaining).toBe(VALID);
  });
});

// etcd goes on with a lease by its own means, and has tests of its own for it.
const engines = ENGINES.filter(({ folder }) => folder !== 'etcd');

describe.each(engines)('handing over on $title', (engine) => {
  const stage = engineStage(engine);
  let others: LockClient;
  beforeEach(() => {
    others = stage.client();
  });
  afterEach(() => others.close());

  it('lets nobody in between, and hands the lock on at the end', async () => {
    const giver = stage.client();
    const first = (await giver.creator(stage.name).acquire(30_000)).autoRefresh();
    first.signal.throwIfAborted();
    const waiting = others.creator(stage.name).acquire(30_000);
    await stage.queued(others.creator(stage.name), 1);
    const text = JSON.stringify(first);
    await giver.close();
    expect(await others.creator(stage.name).owner()).toBe(first.owner);
    const resumed = await stage.client().resume(text);
    expect(await resumed.isHeld()).toBe(true);
    expect(resumed.fencingToken).toBe(first.fencingToken);
    await stage.queued(others.creator(stage.name), 1);
    await resumed.release();
    const next = await waiting;
    expect(next.fencingToken).toBeGreaterThan(resumed.fencingToken);
  });

  it('goes on beyond the deadline of the first handle', async () => {
    const giver = stage.client();
    const first = (await giver.creator(stage.name).acquire(1_500)).autoRefresh();
    const { signal } = first;
    const resumed = (await stage.client().resume(first.toJSON())).autoRefresh();
    await expect(others.creator(stage.name).acquire(1_000, 2_500)).rejects.toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
    });
    expect(await resumed.isHeld()).toBe(true);
    expect(signal.aborted).toBe(false);
    await first.release();
    expect(await resumed.isHeld()).toBe(true);
    await resumed.release();
    expect(await others.creator(stage.name).isLocked()).toBe(false);
  });

  it('cannot revive a lease that somebody else has had since', async () => {
    const first = await stage.creator().acquire(300);
    const json = first.toJSON();
    const next = await others.creator(stage.name).acquire(30_000, 10_000);
    await expect(stage.client().resume(json)).rejects.toThrow(LockLostError);
    expect(await next.isHeld()).toBe(true);
  });

  it('lets who has resumed it learn of a release by force, at the latest at the next refresh', async () => {
    const resumed = (
      await stage.client().resume((await stage.creator().acquire(3_000)).toJSON())
    ).autoRefresh();
    const { signal } = resumed;
    expect(await others.creator(stage.name).forceRelease()).toBe(true);
    await until(() => signal.aborted, { what: 'the loss to be noticed' });
    expect(signal.reason).toBeInstanceOf(LockLostError);
    await expect(resumed.release()).rejects.toThrow(LockLostError);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockClient, LockTimeoutError } from '../../src/index.ts';
import { ENGINES, type Fixture } from '../conformance/engines.ts';
import { until } from '../support/wait.ts';
import { Recorder } from './recorder.ts';

const TTL = 60_000;
const WAIT = 20_000;
const NAME = 'orders:42';

/** One for each folder of `src` with a backend. */
const EACH = ENGINES.filter(({ folder }, index) => ENGINES.findIndex((e) => e.folder === folder) === index);

describe.each(EACH)('on $folder, the channels', ({ folder, start }) => {
  let fixture: Fixture;
  let holder: LockClient;
  let other: LockClient;
  let heard: Recorder;

  beforeEach(async () => {
    fixture = await start();
    [holder, other] = [new LockClient(fixture.connect()), new LockClient(fixture.connect())];
    heard = new Recorder();
  });

  afterEach(async () => {
    heard.stop();
    await Promise.all([holder.close(), other.close()]);
    await fixture.stop();
  });

  async function inLine(count: number): Promise<void> {
    await until(async () => (await holder.creator(NAME).inspect()).waiters === count, {
      what: `${count} in line`,
    });
  }

  it('tell of an acquire and its release, each from its start to its end', async () => {
    const lock = await holder.creator(NAME).acquire(TTL, WAIT);
    await lock.release();
    const [asked, , , granted, released, , , done] = heard.entries;
    expect(heard.order).toEqual(
      ['acquire', 'release'].flatMap((of) =>
        ['start', 'end', 'asyncStart', 'asyncEnd'].map((step) => `${of}:${step}`),
      ),
    );
    const request = { name: NAME, engine: folder, units: 1, capacity: 1, ttl: TTL, waitTimeout: WAIT };
    const open = { outcome: undefined, waited: undefined, wake: undefined };
    expect(asked?.message).toEqual({ ...request, ...open });
    const waited = expect.any(Number);
    expect(granted?.message).toEqual({ ...request, outcome: 'granted', waited, wake: 'reply', result: lock });
    const { owner, fencingToken } = lock;
    const lease = { name: NAME, engine: folder, owner, fencingToken, units: 1, held: expect.any(Number) };
    expect(released?.message).toEqual({ ...lease, outcome: undefined });
    expect(done?.message).toEqual({ ...lease, outcome: 'done', result: undefined });
    // A second release does nothing, and says nothing.
    await lock.release();
    expect(heard.releases).toHaveLength(1);
  });

  it('tell how long it was waited for and held, and that it was handed over', async () => {
    const lock = await holder.creator(NAME).acquire(TTL);
    const waiting = other.creator(NAME).acquire(TTL, WAIT);
    const asked = performance.now();
    await inLine(1);
    const atLeast = performance.now() - asked;
    await lock.release();
    const next = await waiting;
    const [, granted] = heard.acquires;
    expect(granted).toMatchObject({ outcome: 'granted', wake: 'handoff', result: next });
    expect(granted?.waited).toBeGreaterThanOrEqual(atLeast);
    expect(heard.releases[0]?.held).toBeGreaterThanOrEqual(atLeast);
    expect(heard.pokes).toEqual([]);
  });

  it('tell what an acquire without a grant came to', async () => {
    await holder.creator(NAME).acquire(TTL);
    const creator = other.creator(NAME);
    expect(await creator.tryAcquire(TTL, { retries: 2, backoff: 1 })).toBeNull();
    await expect(creator.acquire(TTL, 0)).rejects.toThrow(LockTimeoutError);
    await expect(creator.acquire(TTL, 20)).rejects.toThrow(LockTimeoutError);
    const aborted = creator.acquire(TTL, WAIT, { signal: AbortSignal.timeout(20) });
    await expect(aborted).rejects.toThrow('timeout');
    await expect(creator.acquire(TTL, WAIT, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    const closed = creator.acquire(TTL, WAIT);
    await creator.close();
    await expect(closed).rejects.toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    const [, refused, ...others] = heard.acquires;
    expect(refused).toMatchObject({ outcome: 'refused', waitTimeout: 0, result: null });
    expect(others.map(({ outcome }) => outcome)).toEqual([
      ...['timeout', 'timeout', 'aborted', 'aborted', 'closed'],
    ]);
    expect(others.map(({ wake }) => wake)).toEqual(others.map(() => undefined));
    expect(others[0]?.error).toBeInstanceOf(LockTimeoutError);
    expect(others[1]?.waited).toBeGreaterThanOrEqual(20);
    expect(heard.order.filter((channel) => channel === 'acquire:error')).toHaveLength(5);
  });

  it('tell of refreshes, by hand and by themselves', async () => {
    const lock = await holder.creator(NAME).acquire(TTL);
    await lock.refresh(TTL * 2);
    expect(heard.refreshes).toMatchObject([{ owner: lock.owner, ttl: TTL * 2, outcome: 'done' }]);
    await lock.refresh(300);
    lock.autoRefresh();
    await until(() => heard.refreshes.length > 3, { what: 'refreshes' });
    expect(heard.refreshes.at(-1)).toMatchObject({ owner: lock.owner, ttl: 300, outcome: 'done' });
    await lock.release();
  });

  it('tell that a lease was taken, found by a refresh', async () => {
    const lock = await holder.creator(NAME).acquire(TTL);
    await other.creator(NAME).forceRelease();
    await expect(lock.refresh()).rejects.toMatchObject({ reason: 'taken' });
    const { owner, fencingToken, name } = lock;
    const lease = { owner, fencingToken, name, engine: folder, units: 1 };
    expect(heard.refreshes).toMatchObject([{ ...lease, outcome: 'lost' }]);
    expect(heard.losses).toEqual([{ ...lease, reason: 'taken', held: expect.any(Number) }]);
    await expect(lock.release()).rejects.toMatchObject({ reason: 'taken' });
    expect(heard.releases).toMatchObject([{ ...lease, outcome: 'lost' }]);
    expect(heard.losses).toHaveLength(1);
  });

  it('tell that a lease was taken, found by its release', async () => {
    const lock = await holder.creator(NAME).acquire(TTL);
    await other.creator(NAME).forceRelease();
    await expect(lock.release()).rejects.toMatchObject({ reason: 'taken' });
    expect(heard.losses).toMatchObject([{ owner: lock.owner, reason: 'taken' }]);
    expect(heard.order.at(-1)).toBe('release:asyncEnd');
    expect(heard.releases).toMatchObject([{ outcome: 'lost' }]);
  });

  it('tell that a lease was released by force', async () => {
    const lock = await holder.creator(NAME).acquire(TTL);
    const { signal } = lock;
    await other.creator(NAME).forceRelease();
    await until(() => signal.aborted, { what: 'the loss' });
    // Who could not hear of it yet finds the lease gone.
    const reason = expect.stringMatching(/^(forced|taken)$/);
    expect(heard.losses).toMatchObject([{ owner: lock.owner, reason }]);
  });

  it('tell that a lease has run out, once somebody looks', async () => {
    const lock = await holder.creator(NAME).acquire(500);
    await until(() => lock.remaining === 0 && heard.losses.length > 0, { what: 'the end' });
    expect(heard.losses).toMatchObject([{ owner: lock.owner, reason: 'expired' }]);
    // From when the answer came: the lease counts from before the request.
    expect(heard.losses[0]?.held).toBeGreaterThan(0);
  });

  it('tell of a lease that goes on in another process', async () => {
    const lock = await holder.creator(NAME).acquire(TTL);
    const resumed = await other.resume(lock.toJSON());
    const { owner, fencingToken } = lock;
    const lease = { name: NAME, engine: folder, owner, fencingToken, units: 1, ttl: TTL };
    expect(heard.resumptions).toEqual([{ ...lease, outcome: 'done', result: resumed }]);
    await resumed.release();
    expect(heard.releases).toMatchObject([{ owner, outcome: 'done', held: expect.any(Number) }]);
    await expect(other.resume(lock.toJSON())).rejects.toMatchObject({ reason: 'taken' });
    expect(heard.resumptions[1]).toMatchObject({ outcome: 'lost' });
  });

  it('know no hold time of a lease that was granted when nobody listened', async () => {
    heard.stop();
    const lock = await holder.creator(NAME).acquire(TTL);
    using late = new Recorder();
    await lock.release();
    expect(late.releases).toMatchObject([{ outcome: 'done', held: undefined }]);
  });
});

describe.each(EACH.filter(({ folder }) => folder !== 'redlock'))('on $folder, of several units', (engine) => {
  it('the channels tell the units, and that another capacity fails', async () => {
    const fixture = await engine.start();
    const client = new LockClient(fixture.connect());
    using heard = new Recorder();
    const lock = await client.semaphore(NAME, 5).acquire(TTL, WAIT, { units: 3 });
    await expect(client.semaphore(NAME, 4).acquire(TTL, WAIT)).rejects.toMatchObject({
      code: 'ERR_LOCK_CAPACITY',
    });
    await lock.release();
    await client.close();
    await fixture.stop();
    expect(heard.acquires).toMatchObject([
      { units: 3, capacity: 5, outcome: 'granted', wake: 'reply' },
      { units: 1, capacity: 4, outcome: 'failed', wake: undefined },
    ]);
    expect(heard.releases).toMatchObject([{ units: 3 }]);
  });
});

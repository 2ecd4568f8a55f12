import { afterEach, describe, expect, it } from 'vitest';
import type { Grant } from '../../src/core/backend.ts';
import { Lock } from '../../src/core/lock.ts';
import { etcdBackend } from '../../src/etcd/backend.ts';
import type { LockBackend } from '../../src/index.ts';
import { EtcdUnits } from '../support/etcd-units.ts';
import { timely, until } from '../support/wait.ts';

const stage = new EtcdUnits();
const backends: LockBackend[] = [];

afterEach(async () => {
  for (const backend of backends.splice(0)) await backend.close();
});

function connect(): LockBackend {
  const backend = etcdBackend(stage.etcd.url);
  backends.push(backend);
  return backend;
}

/** A grant, straight from a backend. */
function grantOf(
  backend: LockBackend,
  ttlMs: number,
  units = 1,
  capacity = 1,
  name = stage.name,
): Promise<Grant> {
  return new Promise((granted, failed) => {
    const askedAt = backend.clock.now();
    const asked = { name, ttlMs, units, capacity, askedAt, deadline: askedAt + 20_000 };
    const refused = () => failed(new Error('refused'));
    backend.acquire({ ...asked, canceller: undefined, granted, refused, failed });
  });
}

/** What another process has of it, which knows nothing of our clock. */
function handedOver({ name, owner, fencingToken, units, ttlMs }: Grant, backend: LockBackend): Grant {
  const handed = JSON.parse(JSON.stringify({ name, owner, fencingToken, units, ttlMs }));
  return { ...handed, deadline: backend.clock.now() + ttlMs };
}

async function holders() {
  return (await stage.creator(1).inspect()).holders;
}

describe('etcd, a downgrade', () => {
  it('lets readers in, and no writer between', async () => {
    const writer = await stage.creator(4).acquire(30_000, 1_000, { units: 4 });
    const { owner } = writer;
    const creators = [stage.creator(4), stage.creator(4), stage.creator(4), stage.creator(4)];
    const { granted, locks } = await stage.lineUp(creators, [1, 1, 4, 1]);
    await writer.downgrade(1);
    const readers = [await locks[0]!, await locks[1]!];
    expect(writer).toMatchObject({ units: 1, owner });
    expect(await stage.creator(1).inspect()).toMatchObject({ capacity: 4, waiters: 2 });
    expect(await holders()).toMatchObject([
      { owner, units: 1, fencingToken: writer.fencingToken },
      { owner: readers[0]?.owner, units: 1 },
      { owner: readers[1]?.owner, units: 1 },
    ]);
    expect(await writer.isHeld()).toBe(true);
    for (const reader of [writer, ...readers]) await reader.release();
    const next = await locks[2]!;
    expect(granted.slice(2)).toEqual([2]);
    await next.release();
    await locks[3];
  });

  it('lasts through a refresh with another TTL, at once or before', async () => {
    const lock = await stage.creator(4).acquire(20_000, 1_000, { units: 4 });
    await lock.downgrade(3);
    await lock.refresh(40_000);
    expect(await holders()).toMatchObject([{ units: 3 }]);
    await Promise.all([lock.refresh(60_000), lock.downgrade(2), lock.refresh(50_000)]);
    const [holder] = await holders();
    expect(holder?.units).toBe(2);
    expect(holder?.remainingTtl).toBeGreaterThan(40_000);
    expect(await stage.creator(4).tryAcquire(30_000, { units: 3 })).toBeNull();
    expect(await stage.creator(4).tryAcquire(30_000, { units: 2 })).not.toBeNull();
  });

  it('can be asked for again, and never gives units back', async () => {
    const backend = connect();
    const grant = await grantOf(backend, 30_000, 4, 4);
    expect(await backend.downgrade?.(grant, 2)).toBe(true);
    const revision = (await stage.etcd.ctl('get', '--prefix', 'baton/', '-w', 'json')).match(
      /"mod_revision":\d+/,
    );
    expect(await backend.downgrade?.(grant, 2)).toBe(true);
    expect(await backend.downgrade?.(grant, 3)).toBe(true);
    expect(await stage.etcd.ctl('get', '--prefix', 'baton/', '-w', 'json')).toContain(revision?.[0]);
    expect(await holders()).toMatchObject([{ units: 2 }]);
    // As it is when a refresh overtakes the answer to the downgrade.
    expect(grant.units).toBe(4);
    expect(await backend.refresh(grant, 40_000)).toBe(true);
    expect(await holders()).toMatchObject([{ units: 2 }]);
  });

  it('of a lease that was taken is none', async () => {
    const backend = connect();
    const grant = await grantOf(backend, 30_000, 4, 4);
    await backend.forceRelease(stage.name);
    expect(await backend.downgrade?.(grant, 2)).toBe(false);
    const lock = await stage.creator(4).acquire(30_000, 1_000, { units: 4 });
    await stage.creator(4).forceRelease();
    await expect(lock.downgrade()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    expect(await stage.etcd.keys()).toEqual([]);
  });
});

describe('etcd, a lease that another process was granted', () => {
  it.each([
    [1, 1],
    [3, 5],
  ])(
    'is gone on with by a refresh, beyond the deadline of the first: %d of %d units',
    async (units, capacity) => {
      const first = connect();
      const second = connect();
      const grant = await grantOf(first, 3_000, units, capacity);
      await grantOf(first, 3_000, 1, 1, 'later');
      const handed = handedOver(grant, second);
      first.forget?.(grant);
      expect(await second.refresh(handed, 3_000)).toBe(true);
      const lock = new Lock(second, handed, { lockEnded() {} }).autoRefresh();
      await until(async () => (await first.inspect('later')).holders.length === 0, {
        what: 'the deadline of the first to pass',
      });
      expect(await holders()).toMatchObject([
        { owner: grant.owner, units, fencingToken: grant.fencingToken },
      ]);
      expect(await first.release(grant)).toBe(false);
      expect(await lock.isHeld()).toBe(true);
      await lock.refresh(20_000);
      expect((await holders())[0]?.remainingTtl).toBeGreaterThan(10_000);
      const { locks } = await stage.lineUp([stage.creator(capacity)], [capacity]);
      await lock.release();
      await (await locks[0])?.release();
      await until(async () => (await stage.etcd.leases()).length === 0, { what: 'all leases to end' });
    },
  );

  it('is told that it was taken by force', async () => {
    const grant = await grantOf(connect(), 30_000, 2, 3);
    const second = connect();
    const handed = handedOver(grant, second);
    expect(await second.refresh(handed, 30_000)).toBe(true);
    let forced = false;
    second.onForced(handed, () => {
      forced = true;
    });
    await stage.creator(1).forceRelease();
    await until(() => forced, { what: 'the news' });
    expect(await second.refresh(handed, 30_000)).toBe(false);
    expect(await second.release(handed)).toBe(false);
  });

  it('ends at its deadline like every other', async () => {
    const first = connect();
    const second = connect();
    const grant = await grantOf(first, 30_000);
    const handed = handedOver(grant, second);
    first.forget?.(grant);
    handed.deadline = second.clock.now() + 1_050;
    expect(await second.refresh(handed, 1_050)).toBe(true);
    // etcd itself would keep it for two seconds.
    const next = await timely(1_900, () => stage.creator(1).acquire(30_000));
    expect(next).toEqual({ error: undefined, late: false });
    expect(second.clock.now()).toBeGreaterThanOrEqual(handed.deadline);
  });

  it('ends at its new deadline, too, when it is made shorter', async () => {
    const lock = await stage.creator(2).acquire(30_000);
    await lock.refresh(1_050);
    const next = await timely(1_900, () => stage.creator(2).acquire(30_000, 10_000, { units: 2 }));
    expect(next).toEqual({ error: undefined, late: false });
    expect(lock.remaining).toBe(0);
  });

  it('is adopted once, however many ask, and even before its deadline here is known', async () => {
    const first = connect();
    const second = connect();
    const grant = await grantOf(first, 1_000);
    first.forget?.(grant);
    const handed = { ...handedOver(grant, second), deadline: 0 };
    const refreshed = await Promise.all([second.refresh(handed, 30_000), second.refresh(handed, 30_000)]);
    expect(refreshed).toEqual([true, true]);
    expect(await holders()).toMatchObject([{ owner: grant.owner }]);
    expect(await second.release(handed)).toBe(true);
    await until(async () => (await stage.etcd.leases()).length === 0, { what: 'all leases to end' });
  });

  it('is resumed in vain, then again: the first deadline does not end what the second refreshes', async () => {
    const first = connect();
    const second = connect();
    const grant = await grantOf(first, 1_050);
    const handed = handedOver(grant, second);
    first.forget?.(grant);
    // As with an answer that comes too late.
    expect(await second.refresh({ ...handed }, 1_050)).toBe(true);
    const lock = new Lock(second, handed, { lockEnded() {} }).autoRefresh();
    await lock.refresh();
    const { deadline } = handed;
    await until(() => second.clock.now() > deadline + 500, { what: 'the first deadline to be past' });
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    await until(async () => (await stage.etcd.leases()).length === 0, { what: 'all leases to end' });
  });

  it('is not there for who has another fence or owner, or comes too late', async () => {
    const first = connect();
    const second = connect();
    const grant = await grantOf(first, 30_000);
    const handed = handedOver(grant, second);
    expect(await second.refresh({ ...handed, owner: `${handed.owner}0` }, 30_000)).toBe(false);
    expect(await second.refresh({ ...handed, fencingToken: handed.fencingToken - 1 }, 30_000)).toBe(false);
    expect(await second.refresh({ ...handed, name: 'other' }, 30_000)).toBe(false);
    await first.release(grant);
    await grantOf(first, 30_000);
    expect(await second.refresh(handed, 30_000)).toBe(false);
    expect(await second.release(handed)).toBe(false);
  });
});

it('etcd, a lease that is refreshed several times at once lives on, and nothing is left of where it was moved to in between', async () => {
  // As by several handles that go on with one lease: those of one wait for each other.
  const backend = connect();
  const grant = await grantOf(backend, 60_000);
  for (let round = 0; round < 30; round++) {
    // Each with another TTL, so that each moves the key to a lease of its own.
    const ttls = [11_000, 12_000, 13_000].map((ttl) => ttl + (round % 2) * 5_000);
    await Promise.all(ttls.map((ttl) => backend.refresh(grant, ttl)));
  }
  // What has been left behind is ended after the refresh, by and by.
  await until(async () => (await stage.etcd.leases()).length === 1, { what: 'one lease' });
  expect(await holders()).toMatchObject([{ owner: grant.owner, fencingToken: grant.fencingToken }]);
  expect(await backend.release(grant)).toBe(true);
});

it('etcd, a lease that is released while a refresh moves its key is released, and not lost', async () => {
  const creator = stage.creator(1);
  for (let round = 0; round < 150; round++) {
    const lock = await creator.acquire(10_000);
    const refreshed = lock.refresh(20_000);
    // At one step of the refresh after the other.
    const end = performance.now() + (round % 50) / 10;
    while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
    await lock.release();
    await refreshed;
  }
  await until(async () => (await stage.etcd.leases()).length === 0, { what: 'no lease' });
});

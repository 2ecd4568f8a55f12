import { Etcd3 } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { type Lock, LockClient, type LockState } from '../../src/index.ts';
import { EtcdUnits } from '../support/etcd-units.ts';
import { until } from '../support/wait.ts';

const stage = new EtcdUnits();

describe('etcd, several units of one name', () => {
  it('are out at once, and no more than there are', async () => {
    const creator = stage.creator(3);
    const first = await creator.acquire(30_000);
    const second = await stage.creator(3).acquire(30_000, 5_000, { units: 2 });
    expect([first.units, second.units]).toEqual([1, 2]);
    expect(await stage.creator(3).tryAcquire(30_000)).toBeNull();
    await expect(creator.acquire(30_000, 50)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    await second.release();
    expect(await creator.tryAcquire(30_000, { units: 3 })).toBeNull();
    expect(await stage.creator(3).tryAcquire(30_000, { units: 2 })).toMatchObject({ units: 2 });
  });

  it('are handed on in the order of arrival, across clients', async () => {
    const holder = stage.creator(3, { units: 3 });
    const all = await holder.acquire(30_000);
    const creators = [stage.creator(3), stage.creator(3), stage.creator(3)];
    const { granted, locks } = await stage.lineUp(creators, [1, 1, 1, 2, 2, 3, 1]);
    await all.release();
    const first = await Promise.all(locks.slice(0, 3));
    expect(await stage.owners()).toEqual(first.map(({ owner }) => owner));
    expect(granted).toHaveLength(3);
    await first[1]?.release();
    await stage.queued(4);
    await first[0]?.release();
    const fourth = await locks[3];
    expect(await stage.owners()).toEqual([first[2]?.owner, fourth?.owner]);
    await first[2]?.release();
    await fourth?.release();
    for (const lock of locks.slice(4)) await (await lock).release();
    expect(granted.slice(3)).toEqual([3, 4, 5, 6]);
    const tokens = (await Promise.all(locks)).map(({ fencingToken }) => fencingToken);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
  });

  it('are not taken from under who wants many, by those behind who want few', async () => {
    const holder = stage.creator(3);
    const one = await holder.acquire(30_000);
    const { granted, locks } = await stage.lineUp([stage.creator(3), stage.creator(3)], [3, 1]);
    expect(await stage.creator(3).tryAcquire(30_000)).toBeNull();
    expect(granted).toEqual([]);
    await one.release();
    await (await locks[0])?.release();
    await locks[1];
    expect(granted).toEqual([0, 1]);
  });

  it('are free for those behind as soon as who is ahead gives up', async () => {
    const holder = stage.creator(3);
    await holder.acquire(30_000);
    const abort = new AbortController();
    const big = stage.creator(3).acquire(30_000, 20_000, { units: 3, signal: abort.signal });
    await stage.queued(1);
    const small = stage.creator(3).acquire(30_000);
    await stage.queued(2);
    abort.abort(new Error('enough'));
    await expect(big).rejects.toThrow('enough');
    expect((await small).units).toBe(1);
  });

  it('are all given out when many try at once, and nobody is refused for another who tries', async () => {
    const creators = Array.from({ length: 4 }, () => stage.creator(6));
    await Promise.all(creators.map((creator) => creator.inspect()));
    const tries = await Promise.all(
      creators.flatMap((creator) => Array.from({ length: 3 }, () => creator.tryAcquire(30_000))),
    );
    expect(tries.filter((lock) => lock !== null)).toHaveLength(6);
    await until(async () => (await stage.etcd.leases()).length === 6, { what: 'the other leases to end' });
    const last = tries.findLast((lock) => lock !== null);
    await last?.release();
    const next = await creators[0]!.acquire(30_000);
    const tokens = tries.flatMap((lock) => (lock ? [lock.fencingToken] : []));
    // Every key that is put or deleted counts: nobody who was refused has stood in line.
    expect(next.fencingToken).toBe(Math.min(...tokens) + 7);
  });

  it('are handed on when a lease runs out', async () => {
    const lock = await stage.creator(2).acquire(150, 5_000, { units: 2 });
    const [one, two] = await Promise.all([
      stage.creator(2).acquire(30_000),
      stage.creator(2).acquire(30_000),
    ]);
    expect(lock.remaining).toBe(0);
    expect(Math.min(one.fencingToken, two.fencingToken)).toBeGreaterThan(lock.fencingToken);
    await expect(lock.release()).rejects.toMatchObject({ reason: 'expired' });
  });

  it('are never more than the capacity, whoever wants how many', async () => {
    const capacity = 5;
    const creators = [stage.creator(capacity), stage.creator(capacity), stage.creator(capacity)];
    let out = 0;
    let most = 0;
    let grants = 0;
    let refusals = 0;
    const use = async (lock: Lock) => {
      out += lock.units;
      most = Math.max(most, out);
      grants += 1;
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      // Others may have what is given back before we hear that it was.
      if (lock.units > 2 && grants % 3 === 0) {
        out -= lock.units - 1;
        await lock.downgrade(1);
      }
      out -= lock.units;
      await lock.release();
    };
    const work = creators.flatMap((creator) =>
      Array.from({ length: 8 }, async () => {
        for (let round = 0; round < 6; round++) {
          const units = 1 + Math.floor(Math.random() * capacity);
          const tried = round % 3 === 0 ? await creator.tryAcquire(30_000, { units }) : null;
          if (round % 3 === 0 && !tried) refusals += 1;
          await use(tried ?? (await creator.acquire(30_000, 20_000, { units })));
        }
      }),
    );
    await Promise.all(work);
    expect(grants).toBe(3 * 8 * 6);
    expect(most).toBeLessThanOrEqual(capacity);
    expect(most).toBeGreaterThan(capacity / 2);
    expect(refusals).toBeGreaterThan(0);
    expect(await stage.etcd.keys()).toEqual([]);
  });
});

describe('etcd, what can be seen of several units', () => {
  it('is the capacity, who holds how many, and how many wait', async () => {
    const creator = stage.creator(5);
    expect(await creator.inspect()).toEqual({ name: stage.name, capacity: 1, holders: [], waiters: 0 });
    const two = await creator.acquire(30_000, 1_000, { units: 2 });
    const three = await stage.creator(5).acquire(20_000, 1_000, { units: 3 });
    await stage.lineUp([stage.creator(5)], [1, 5]);
    const { holders, ...rest } = await stage.creator(1).inspect();
    expect(rest).toEqual({ name: stage.name, capacity: 5, waiters: 2 });
    expect(holders).toEqual(
      [two, three].map(({ owner, units, fencingToken }) => {
        const client = owner.split(':')[0];
        return { owner, client, units, fencingToken, remainingTtl: expect.any(Number) };
      }),
    );
    expect(holders[0]?.remainingTtl).toBeGreaterThan(20_000);
    expect(holders[1]?.remainingTtl).toBeLessThanOrEqual(20_000);
    expect(await two.isHeld()).toBe(true);
    expect(await three.isHeld()).toBe(true);
  });

  it('is yielded to a watcher after each grant, release and expiry', async () => {
    const states: LockState[] = [];
    const watching = stage.creator(1).watch();
    const following = (async () => {
      for await (const state of watching) states.push(state);
    })();
    const shown = async (count: number) => {
      await until(() => states.length >= count, { what: `${count} states` });
      expect(states).toHaveLength(count);
      const { capacity, holders } = states.at(-1) as LockState;
      return [capacity, holders.map(({ fencingToken }) => fencingToken)];
    };
    expect(await shown(1)).toEqual([1, []]);
    const one = await stage.creator(2).acquire(30_000);
    expect(await shown(2)).toEqual([2, [one.fencingToken]]);
    const two = await stage.creator(2).acquire(30_000);
    expect(await shown(3)).toEqual([2, [one.fencingToken, two.fencingToken]]);
    const { locks } = await stage.lineUp([stage.creator(2)], [1]);
    await one.release();
    const three = await locks[0]!;
    expect(await shown(4)).toEqual([2, [two.fencingToken, three.fencingToken]]);
    await three.refresh(100);
    expect(await shown(5)).toEqual([2, [two.fencingToken]]);
    await two.release();
    expect(await shown(6)).toEqual([1, []]);
    await watching.return?.();
    await following;
  });

  it('is taken from all holders by force, who learn of it at once, and handed on', async () => {
    const creator = stage.creator(3);
    expect(await creator.forceRelease()).toBe(false);
    const locks = [
      await creator.acquire(30_000),
      await creator.acquire(30_000),
      await stage.creator(3).acquire(30_000),
    ];
    const signals = locks.map(({ signal }) => signal);
    const waiting = await stage.lineUp([stage.creator(3)], [3]);
    expect(await stage.creator(1).forceRelease()).toBe(true);
    expect((await waiting.locks[0])?.units).toBe(3);
    await until(() => signals.every(({ aborted }) => aborted), { what: 'the signals to abort' });
    expect(signals.map(({ reason }) => reason.reason)).toEqual(['forced', 'forced', 'forced']);
    expect(await stage.owners()).toEqual([(await waiting.locks[0])?.owner]);
  });
});

it('etcd has one watch for all of a client who wait for units of one name', async () => {
  const own = new Etcd3({ hosts: stage.etcd.urls });
  const open = own.watchClient.watch.bind(own.watchClient);
  let watches = 0;
  own.watchClient.watch = async (...args) => {
    const stream = await open(...args);
    const write = stream.write.bind(stream);
    stream.write = (request) => {
      if (request.create_request) watches += 1;
      return write(request);
    };
    return stream;
  };
  const client = new LockClient(etcdBackend(own));
  const all = await stage.creator(4).acquire(30_000, 1_000, { units: 4 });
  const { locks } = await stage.lineUp([client.creator(stage.name, { capacity: 4 })], Array(10).fill(1));
  await all.release();
  for (const lock of locks) await (await lock).release();
  expect(watches).toBe(1);
  await client.close();
  own.close();
});

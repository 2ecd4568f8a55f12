import { describe, expect, it } from 'vitest';
import { EtcdUnits } from '../support/etcd-units.ts';
import { until } from '../support/wait.ts';

const stage = new EtcdUnits();

/** How many keys stand in the line of this case, once it is so many. */
async function keysLeft(count: number): Promise<void> {
  const keys = async () => (await stage.etcd.keys()).filter((key) => key.startsWith(`baton/${stage.name}/`));
  await until(async () => (await keys()).length === count, { what: `${count} keys to be left` });
}

/** Puts a key into the line, as a client would that is slow to notice its mistake. */
async function put(place: string, value: string): Promise<() => Promise<string>> {
  const key = `baton/${stage.name}/${place}`;
  await stage.etcd.ctl('put', key, value);
  return () => stage.etcd.ctl('del', key);
}

describe('etcd, who uses a name with another capacity than others do now', () => {
  it.each([
    [5, 1],
    [1, 5],
    [5, 3],
    [3, 5],
  ])(
    'fails, those others with %d and this one with %d, and leaves nothing behind',
    async (actual, wanted) => {
      const creator = stage.creator(actual);
      const lock = await creator.acquire(30_000);
      const expected = { code: 'ERR_LOCK_CAPACITY', lockName: stage.name, wanted, actual };
      await expect(stage.creator(wanted).acquire(30_000)).rejects.toMatchObject(expected);
      await expect(stage.creator(wanted).tryAcquire(30_000)).rejects.toMatchObject(expected);
      await keysLeft(1);
      const { locks } = await stage.lineUp([creator], [actual, actual]);
      await expect(stage.creator(wanted).acquire(30_000)).rejects.toMatchObject(expected);
      await keysLeft(3);
      await until(async () => (await stage.etcd.leases()).length === 3, { what: 'its lease to end' });
      await lock.release();
      for (const next of locks) await (await next).release();
      // A line that is empty may be used with any.
      expect(await stage.creator(wanted).tryAcquire(30_000)).not.toBeNull();
    },
  );

  it('fails only the later of two who come at once', async () => {
    const creators = [2, 3].map((capacity) => stage.creator(capacity));
    await Promise.all(creators.map((creator) => creator.inspect()));
    const ends = await Promise.allSettled(creators.map((creator) => creator.acquire(30_000, 5_000)));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const failed = ends.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(failed.reason).toMatchObject({ code: 'ERR_LOCK_CAPACITY' });
  });

  it('fails behind etcdctl lock, which knows mutexes only', async () => {
    await using ctl = stage.etcd.lock(`baton/${stage.name}`);
    await ctl.held();
    const expected = { code: 'ERR_LOCK_CAPACITY', wanted: 4, actual: 1 };
    await expect(stage.creator(4).acquire(30_000)).rejects.toMatchObject(expected);
    await expect(stage.creator(4).tryAcquire(30_000)).rejects.toMatchObject(expected);
    await keysLeft(1);
    await ctl.release();
    expect(await stage.creator(4).tryAcquire(30_000)).not.toBeNull();
  });

  it('fails behind an etcdctl lock that waits, though there are units left, and etcdctl waits for all of them', async () => {
    const creator = stage.creator(4);
    const locks = [await creator.acquire(30_000), await stage.creator(4).acquire(30_000)];
    await using ctl = stage.etcd.lock(`baton/${stage.name}`);
    await stage.queued(1);
    const expected = { code: 'ERR_LOCK_CAPACITY', wanted: 4, actual: 1 };
    await expect(stage.creator(4).acquire(30_000)).rejects.toMatchObject(expected);
    await expect(stage.creator(4).tryAcquire(30_000)).rejects.toMatchObject(expected);
    await locks[0]?.release();
    await locks[1]?.refresh();
    expect(ctl.key).toBeUndefined();
    await locks[1]?.release();
    await ctl.held();
  });

  it('fails, far behind an etcdctl lock that waits, once it knows the line', async () => {
    const creator = stage.creator(2);
    await creator.acquire(30_000, 1_000, { units: 2 });
    await stage.lineUp([creator], [2]);
    await using ctl = stage.etcd.lock(`baton/${stage.name}`);
    await stage.queued(2);
    expect(ctl.key).toBeUndefined();
    const acquiring = stage.creator(2).acquire(30_000, 20_000);
    await expect(acquiring).rejects.toMatchObject({ code: 'ERR_LOCK_CAPACITY', wanted: 2, actual: 1 });
    await keysLeft(3);
  });

  it('does not fail an innocent mutex behind it, as long as it has not left', async () => {
    const lock = await stage.creator(1).acquire(30_000);
    const leave = await put('slow', 'other.1.ab:1:30000:2 30000 2/3');
    const { granted, locks } = await stage.lineUp([stage.creator(1)], [1]);
    await lock.refresh();
    await leave();
    expect(granted).toEqual([]);
    await lock.release();
    expect(await locks[0]).toMatchObject({ units: 1 });
  });

  it('does not fail innocent users of several units behind it, as long as it has not left', async () => {
    const lock = await stage.creator(3).acquire(30_000);
    const leave = await put('slow', 'other.1.ab:1:30000 30000');
    expect(await stage.creator(3).tryAcquire(30_000)).toBeNull();
    const { granted, locks } = await stage.lineUp([stage.creator(3), stage.creator(3)], [1, 2]);
    expect(granted).toEqual([]);
    await leave();
    expect(await locks[0]).toMatchObject({ units: 1 });
    await lock.release();
    expect(await locks[1]).toMatchObject({ units: 2 });
  });

  it('fails those behind it that differ when it is the first in line after all', async () => {
    const lock = await stage.creator(3).acquire(30_000);
    await put('lasting', 'other.1.ab:1:30000:2 30000 2/2');
    const { locks } = await stage.lineUp([stage.creator(3), stage.creator(2)], [1]);
    const rejected = expect(locks[0]).rejects.toMatchObject({ code: 'ERR_LOCK_CAPACITY', actual: 2 });
    await lock.release();
    await rejected;
    await keysLeft(1);
    expect(await stage.owners()).toEqual(['other.1.ab:1:30000:2']);
  });

  it('fails a mutex that had another mutex before it, once that has left', async () => {
    await stage.creator(3).acquire(30_000);
    const leave = await put('first', 'other.1.ab:1:30000 30000');
    const { locks } = await stage.lineUp([stage.creator(1)], [1]);
    const rejected = expect(locks[0]).rejects.toMatchObject({ code: 'ERR_LOCK_CAPACITY', actual: 3 });
    await leave();
    await rejected;
    await keysLeft(1);
  });
});

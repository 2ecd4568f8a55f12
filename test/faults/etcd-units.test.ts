import { describe, expect, it } from 'vitest';
import { spawnClient } from '../support/client-process.ts';
import { startEtcd } from '../support/etcd.ts';
import { EtcdClients, queued } from '../support/etcd-clients.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { until } from '../support/wait.ts';

const SHARED = { capacity: 3 };

function throughProxy(proxy: FaultProxy): string {
  return `etcd://${proxy.host}:${proxy.port}`;
}

describe('etcd, units of a lock over a link that breaks', () => {
  it.each(['acquire', 'tryAcquire'] as const)(
    'row 1: are taken once by %s when its answer is lost',
    async (how) => {
      await using etcd = await startEtcd();
      await using proxy = await startProxy(etcd.members[0]!);
      await using clients = new EtcdClients();
      const creator = clients.creatorOn(throughProxy(proxy), 5_000, SHARED);
      await creator.inspect();
      // Time enough to cut it off between what etcd does and what it says.
      proxy.delayReplies(300);
      let answered = false;
      const acquiring = creator[how](30_000).finally(() => {
        answered = true;
      });
      await until(async () => (await etcd.keys()).length === 1, { what: 'the key' });
      const keys = await etcd.keys();
      expect(answered).toBe(false);
      proxy.cut();
      proxy.delayReplies(0);
      const lock = await acquiring;
      const { holders } = await clients.creatorOn(etcd.url).inspect();
      expect(holders).toMatchObject([{ owner: lock?.owner, fencingToken: lock?.fencingToken }]);
      expect(await etcd.keys()).toEqual(keys);
    },
  );

  it('row 1: are given back once by a downgrade whose answer was lost', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const creator = clients.creatorOn(etcd.url, 1_000, SHARED);
    const options = { ...SHARED, units: 3 };
    const lock = await clients.creatorOn(throughProxy(proxy), 5_000, options).acquire(30_000);
    const waiting = creator.acquire(30_000);
    await queued(creator, 1);
    // Time enough to cut it off between what etcd does and what it says.
    proxy.delayReplies(300);
    let answered = false;
    const downgraded = lock.downgrade(2).then(() => {
      answered = true;
    });
    await waiting;
    expect(answered).toBe(false);
    proxy.cut();
    proxy.delayReplies(0);
    await downgraded;
    const { holders } = await creator.inspect();
    expect(holders.map(({ units }) => units)).toEqual([2, 1]);
  });

  it.each([true, false])(
    'rows 20 and 21: are granted to a waiter that missed their release, the news of it forgotten: %s',
    async (forgotten) => {
      await using etcd = await startEtcd();
      await using proxy = await startProxy(etcd.members[0]!);
      await using clients = new EtcdClients();
      const holder = clients.creatorOn(etcd.url, 1_000, SHARED);
      const lock = await holder.acquire(30_000, 1_000, { units: 3 });
      const through = clients.creatorOn(throughProxy(proxy), 1_000, SHARED);
      const waiting = through.acquire(30_000, 20_000, { units: 2 });
      await queued(holder, 1);
      const behind = through.acquire(30_000, 20_000, { units: 2 });
      await queued(holder, 2);
      proxy.refuse();
      proxy.cut();
      await lock.release();
      const revision = (await holder.inspect()).holders[0]?.fencingToken ?? 0;
      await etcd.ctl('put', 'later', 'x');
      if (forgotten) await etcd.ctl('compact', String(revision + 3));
      proxy.accept();
      const next = await waiting;
      expect(next.fencingToken).toBe(revision);
      await next.release();
      await (await behind).release();
    },
  );

  it('are not granted to a waiter whose key has gone before it hears of its turn', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const holder = clients.creatorOn(etcd.url, 1_000, { ...SHARED, units: 3 });
    const lock = await holder.acquire(30_000);
    const through = clients.creatorOn(throughProxy(proxy), 5_000, SHARED);
    const waiting = through.acquire(30_000, 20_000);
    await queued(holder, 1);
    const key = (await etcd.keys())[1] ?? '';
    // When this one has lined up, the other has read the line.
    const behind = through.acquire(30_000, 20_000);
    await queued(holder, 2);
    proxy.delayReplies(300);
    await lock.release();
    await etcd.ctl('del', key);
    const next = await waiting;
    const { holders } = await holder.inspect();
    const tokens = [await behind, next].map(({ fencingToken }) => fencingToken);
    expect(holders.map(({ fencingToken }) => fencingToken)).toEqual(tokens);
    expect(await etcd.keys()).not.toContain(key);
  });

  it('are granted to a waiter whose keys and leases went while it was cut off, in its new place', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const holder = clients.creatorOn(etcd.url, 1_000, { ...SHARED, units: 3 });
    const lock = await holder.acquire(30_000);
    const waiting = clients.creatorOn(throughProxy(proxy), 1_000, SHARED).acquire(30_000, 20_000);
    await queued(holder, 1);
    const key = (await etcd.keys())[1] ?? '';
    proxy.refuse();
    proxy.cut();
    await etcd.ctl('del', key);
    const revision = /"revision":(\d+)/.exec(await etcd.ctl('put', 'later', 'x', '-w', 'json'))?.[1] ?? '';
    await etcd.ctl('compact', revision);
    proxy.accept();
    await queued(holder, 1);
    expect(await etcd.keys()).not.toContain(key);
    await lock.release();
    expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
  });
});

it('rows 28, 29 and 50: etcd hands on the units of a process that is killed, held or waited for', async () => {
  await using etcd = await startEtcd();
  await using clients = new EtcdClients();
  const file = new URL('./etcd-waiting.client.ts', import.meta.url);
  await using crashing = spawnClient<{ type: 'granted' }>(file, { args: [etcd.url, 'lock', '1200', '3'] });
  await crashing.next('granted');
  const creator = clients.creatorOn(etcd.url, 1_000, SHARED);
  await queued(creator, 1);
  const survivors = [1, 2].map((units) => creator.acquire(30_000, 20_000, { units }));
  await queued(creator, 3);
  await crashing.stop();
  const locks = await Promise.all(survivors);
  expect(locks.map(({ units }) => units)).toEqual([1, 2]);
});

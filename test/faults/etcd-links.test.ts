import { describe, expect, it } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { EtcdClients, queued } from '../support/etcd-clients.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { until, within } from '../support/wait.ts';

function throughProxy(proxy: FaultProxy): string {
  return `etcd://${proxy.host}:${proxy.port}`;
}

describe('a link that breaks', () => {
  it('row 1: a release whose answer was lost is not a loss', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const lock = await clients.creatorOn(throughProxy(proxy)).acquire(30_000);
    proxy.stallReplies();
    const released = lock.release();
    await until(async () => (await etcd.keys()).length === 0, { what: 'the key to be deleted' });
    proxy.cut();
    proxy.flow();
    await released;
  });

  it('row 1: an acquire whose answer was lost is answered with the same place', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const creator = clients.creatorOn(throughProxy(proxy), 5_000);
    await creator.inspect();
    // Time enough to cut it off between what etcd does and what it says.
    proxy.delayReplies(300);
    let answered = false;
    const acquiring = creator.acquire(30_000).finally(() => {
      answered = true;
    });
    await until(async () => (await etcd.keys()).length === 1, { what: 'the key' });
    const keys = await etcd.keys();
    expect(answered).toBe(false);
    proxy.cut();
    proxy.delayReplies(0);
    const lock = await acquiring;
    expect((await clients.creatorOn(etcd.url).inspect()).holders).toMatchObject([
      { owner: lock.owner, fencingToken: lock.fencingToken },
    ]);
    expect(await etcd.keys()).toEqual(keys);
  });

  it.each(['late', 'lost'])(
    'row 4: nothing is left of an acquire that timed out, its answer %s',
    async (end) => {
      await using etcd = await startEtcd();
      await using proxy = await startProxy(etcd.members[0]!);
      await using clients = new EtcdClients();
      const creator = clients.creatorOn(throughProxy(proxy));
      await creator.inspect();
      proxy.stallReplies();
      await expect(creator.acquire(30_000, 100)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
      await until(async () => (await etcd.leases()).length === 1, { what: 'the lease to be made' });
      if (end === 'lost') proxy.cut();
      proxy.flow();
      await until(async () => (await etcd.leases()).length === 0, { what: 'the lease to be revoked' });
      expect(await etcd.keys()).toEqual([]);
    },
  );

  it('row 4: nothing is left of a refresh with another TTL whose answer was lost', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const lock = await clients.creatorOn(throughProxy(proxy)).acquire(30_000);
    // The answers to its looks pass, and that to the making of a lease is stalled.
    proxy.delayReplies(200);
    const refreshed = expect(lock.refresh(60_000)).rejects.toMatchObject({ reason: 'unavailable' });
    await until(async () => (await etcd.leases()).length === 2, { what: 'the lease to be made' });
    proxy.stallReplies();
    await refreshed;
    proxy.cut();
    proxy.delayReplies(0);
    proxy.flow();
    await lock.release();
    await until(async () => (await etcd.leases()).length === 0, { what: 'all leases to end' });
  });

  it('row 7: the lease counts from before it was asked for', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const creator = clients.creatorOn(throughProxy(proxy));
    await creator.inspect();
    proxy.delayReplies(150);
    const lock = await creator.acquire(10_000);
    expect(lock.remaining).toBeLessThanOrEqual(10_000 - 102 - 2 * 150);
    const waiting = creator.acquire(10_000);
    await queued(clients.creatorOn(etcd.url), 1);
    await lock.release();
    expect((await waiting).remaining).toBeLessThanOrEqual(10_000 - 102 - 150);
  });

  it('rows 20 and 21: a waiter that missed a release, and its compaction, is granted after all', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const holder = clients.creatorOn(etcd.url);
    const lock = await holder.acquire(30_000);
    const waiting = clients.creatorOn(throughProxy(proxy)).acquire(30_000);
    await queued(holder, 1);
    proxy.refuse();
    proxy.cut();
    await lock.release();
    const revision = (await holder.inspect()).holders[0]?.fencingToken ?? 0;
    await etcd.ctl('put', 'later', 'x');
    await etcd.ctl('compact', String(revision + 2));
    proxy.accept();
    const next = await waiting;
    expect(next.fencingToken).toBe(revision);
  });

  it('row 22: a watch on a silent link goes on through another member', async () => {
    await using etcd = await startEtcd();
    await using one = await startProxy(etcd.members[0]!);
    await using two = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const holder = clients.creatorOn(etcd.url);
    const lock = await holder.acquire(30_000);
    const both = `etcd://${one.host}:${one.port},${two.host}:${two.port}`;
    const waiting = clients.creatorOn(both, 200).acquire(30_000);
    await queued(holder, 1);
    const [used, spare] = one.connections > 0 ? [one, two] : [two, one];
    expect(spare.connections).toBe(0);
    // Its next keepalive is due in ten seconds; only the watch itself can notice.
    used.stall();
    await lock.release();
    await within(5_000, 'the grant', () => waiting);
    expect(spare.connections).toBeGreaterThan(0);
    used.flow();
  });

  it('a watcher that missed changes, and their compaction, sees what it has come to', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new EtcdClients();
    const states: (string | undefined)[] = [];
    const watching = clients.creatorOn(throughProxy(proxy)).watch();
    const following = (async () => {
      for await (const { holders } of watching) states.push(holders[0]?.owner);
    })();
    await until(() => states.length === 1, { what: 'the first state' });
    proxy.refuse();
    proxy.cut();
    const creator = clients.creatorOn(etcd.url);
    await (await creator.acquire(30_000)).release();
    const lock = await creator.acquire(30_000);
    await etcd.ctl('put', 'later', 'x');
    await etcd.ctl('compact', String(lock.fencingToken));
    proxy.accept();
    await until(() => states.length > 1, { what: 'the state after all that' });
    expect(states).toEqual([undefined, lock.owner]);
    await watching.return?.();
    await following;
  });
});

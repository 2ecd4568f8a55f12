import { Etcd3 } from 'etcd3';
import { expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { LockClient } from '../../src/index.ts';
import { startEtcd } from '../support/etcd.ts';
import { EtcdClients } from '../support/etcd-clients.ts';
import { startProxy } from '../support/proxy.ts';
import { timely, until } from '../support/wait.ts';

it('a wait that is over before it begins keeps nobody behind it waiting', async () => {
  await using etcd = await startEtcd();
  await using clients = new EtcdClients();
  const creator = clients.creatorOn(etcd.url);
  // Too little to change the instant at which it ends.
  await expect(creator.acquire(30_000, Number.MIN_VALUE)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
  await (await creator.acquire(30_000, 5_000)).release();
  await until(async () => (await etcd.leases()).length === 0, { what: 'all leases to end' });
});

it.each([1, 2])(
  'row 40: a try is over within the command timeout when etcd goes away once its key is put: %d of as many units',
  async (units) => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    const own = new Etcd3({ hosts: `http://${proxy.host}:${proxy.port}` });
    await using client = new LockClient(etcdBackend(own, { commandTimeout: 1_000 }));
    const creator = client.creator('lock', { capacity: units, units });
    await creator.inspect();
    const put = own.kv.txn.bind(own.kv);
    own.kv.txn = async (...args) => {
      const answer = await put(...args);
      proxy.refuse();
      proxy.cut();
      return answer;
    };
    // Two answers take more than a tenth of the TTL, so that the lease has to be renewed.
    proxy.delayReplies(60);
    const { error, late } = await timely(1_500, () => creator.tryAcquire(1_000));
    own.close();
    expect(error).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    expect(late).toBe(false);
  },
);

it('a waiter that gives up while it asks who is first leaves the line', async () => {
  await using etcd = await startEtcd();
  await using clients = new EtcdClients();
  await clients.creatorOn(etcd.url).acquire(30_000);
  // Of several units, and right ahead: so it looks who holds.
  await etcd.ctl('put', 'baton/lock/stray', 'other.1.ab:1:30000:2 30000 2/3');
  const own = new Etcd3({ hosts: etcd.urls });
  await using client = new LockClient(etcdBackend(own));
  const giveUp = new AbortController();
  const look = own.kv.range.bind(own.kv);
  own.kv.range = (...args) => {
    giveUp.abort('enough');
    return look(...args);
  };
  const waiting = client.creator('lock').acquire(30_000, 20_000, { signal: giveUp.signal });
  await expect(waiting).rejects.toBe('enough');
  await until(async () => (await etcd.keys()).length === 2, { what: 'its key to go' });
  own.close();
});

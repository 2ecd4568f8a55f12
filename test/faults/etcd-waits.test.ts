import { expect, it } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { EtcdClients } from '../support/etcd-clients.ts';
import { until } from '../support/wait.ts';

it('a wait that is over before it begins keeps nobody behind it waiting', async () => {
  await using etcd = await startEtcd();
  await using clients = new EtcdClients();
  const creator = clients.creatorOn(etcd.url);
  // Too little to change the instant at which it ends.
  await expect(creator.acquire(30_000, Number.MIN_VALUE)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
  await (await creator.acquire(30_000, 5_000)).release();
  await until(async () => (await etcd.leases()).length === 0, { what: 'all leases to end' });
});

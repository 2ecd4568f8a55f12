import { ok } from 'node:assert/strict';
import { backendFromUrl, LockClient } from 'batonlock';
import { type EtcdBackendOptions, etcdBackend } from 'batonlock/etcd';

/** A lock on etcd, which two clients have after each other, one of them by its URL. */
export async function use(): Promise<void> {
  const url = process.env.ETCD_URL ?? '';
  const options: EtcdBackendOptions = { commandTimeout: 5_000 };
  const fences: number[] = [];
  for (const backend of [etcdBackend(url, options), await backendFromUrl(url)]) {
    const client = new LockClient(backend);
    fences.push(await client.creator('orders:42').using(30_000, 5_000, (lock) => lock.fencingToken));
    await client.close();
  }
  const [first = Number.NaN, second = Number.NaN] = fences;
  ok(second > first);
}

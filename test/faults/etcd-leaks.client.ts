// Uses locks on etcd in every way there is and tells what of it is left. Must then exit by itself.
import { getEventListeners } from 'node:events';
import { Etcd3 } from 'etcd3';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { LockClient } from '../../src/index.ts';
import { until } from '../support/wait.ts';

const url = process.argv[2] ?? '';
const own = process.argv[3] === 'own';
const etcd = new Etcd3({ hosts: url.replace('etcd:', 'http:') });
const backend = etcdBackend(own ? etcd : url);
const client = new LockClient(backend);
const never = new AbortController();
const { signal } = never;

const active = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
const settle = (acquire: () => Promise<unknown>) => Promise.allSettled(Array.from({ length: 20 }, acquire));
const lines = async () => {
  const { leases } = await etcd.leaseClient.leaseLeases();
  return [...(await etcd.getAll().keys()), ...leases.map(({ ID }) => ID)];
};

const rejected: PromiseSettledResult<unknown>[] = [];
for (let round = 0; round < 3; round++) {
  const creator = client.creator(`leaky-${round}`);
  const lock = (await creator.acquire(60_000)).autoRefresh();
  lock.signal.throwIfAborted();
  const abort = new AbortController();
  const timedOut = settle(() => creator.acquire(60_000, 30, { signal }));
  const aborted = settle(() => creator.acquire(60_000, 60_000, { signal: abort.signal }));
  const granted = settle(async () => {
    const next = await creator.acquire(60_000, 60_000, { signal });
    next.signal.throwIfAborted();
    await next.autoRefresh().release();
  });
  const watching = creator.watch({ signal });
  await watching.next();
  rejected.push(...(await timedOut));
  if ((await creator.tryAcquire(60_000)) !== null) throw new Error('granted to two');
  abort.abort('aborted');
  rejected.push(...(await aborted));
  await lock.refresh(50_000);
  await lock.release();
  for (const { status } of await granted) if (status === 'rejected') throw new Error('not granted');
  await watching.return?.();
  const lost = await creator.acquire(60_000);
  await creator.forceRelease();
  rejected.push(...(await Promise.allSettled([lost.refresh()])));
  // Runs out, and is revoked by us at once.
  await creator.acquire(50);
}

await until(async () => (await lines()).length === 0, { what: 'all keys and leases to end' });
const held = await client.creator('held').acquire(60_000);
const waiting = client.creator('held').acquire(60_000);
await until(async () => (await lines()).length === 4, { what: 'a holder and a waiter' });
await Promise.all([client.close(), waiting.catch(() => {})]);
const left = await lines();
const usable = (await etcd.get('none').string()) === null;
etcd.close();
process.send?.(
  {
    type: 'left',
    rejected: rejected.filter(({ status }) => status === 'rejected').length,
    listeners: getEventListeners(signal, 'abort').length,
    timers: active('Timeout'),
    remaining: held.remaining,
    left,
    usable,
  },
  () => process.disconnect(),
);

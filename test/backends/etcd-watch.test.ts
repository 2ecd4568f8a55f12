import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { LockClient } from '../../src/index.ts';
import { type EtcdCluster, startEtcd } from '../support/etcd.ts';
import { until } from '../support/wait.ts';

let etcd: EtcdCluster;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());

/** A client that keeps watches from being made until it is told to, and then hears of nothing but that they are made. */
function deafClient() {
  const client = new Etcd3({ hosts: etcd.urls });
  const open = client.watchClient.watch.bind(client.watchClient);
  const held: (() => void)[] = [];
  client.watchClient.watch = async (...args) => {
    const stream = await open(...args);
    const write = stream.write.bind(stream);
    const on = stream.on.bind(stream) as (event: string, listener: (value: never) => void) => typeof stream;
    stream.write = (request) => {
      if (!request.create_request) return write(request);
      held.push(() => write(request));
      return true;
    };
    stream.on = ((event: string, listener: (value: unknown) => void) =>
      on(event, (value: unknown) => {
        if (event !== 'data' || Object(value).created) listener(value);
      })) as typeof stream.on;
    return stream;
  };
  return { client, held };
}

it('a key that goes while the watch on it is made is missed, and looked for at once', async () => {
  const holder = new LockClient(etcdBackend(etcd.url));
  const { client, held } = deafClient();
  const waiter = new LockClient(etcdBackend(client));
  const lock = await holder.creator('late').acquire(30_000);
  const waiting = waiter.creator('late').acquire(30_000, 20_000);
  await until(() => held.length === 2, { what: 'the watches on its own key and on the one ahead' });
  await lock.release();
  await until(
    async () => !(await holder.creator('late').inspect()).holders.some(({ owner }) => owner === lock.owner),
    {
      what: 'the key ahead to be gone',
    },
  );
  for (const send of held.splice(0)) send();
  expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
  await waiter.close();
  await holder.close();
  client.close();
});

/** A client of an etcd that does not tell its progress, as current ones while a watch begins later than what they have. */
function tacitClient() {
  const client = new Etcd3({ hosts: etcd.urls });
  const open = client.watchClient.watch.bind(client.watchClient);
  const seen = { streams: 0, requests: 0 };
  client.watchClient.watch = async (...args) => {
    seen.streams += 1;
    const stream = await open(...args);
    const write = stream.write.bind(stream);
    stream.write = (request) => {
      seen.requests += 1;
      return request.progress_request ? true : write(request);
    };
    return stream;
  };
  return { client, seen };
}

it('a stream on which nothing happens is asked for a sign of life, and kept', async () => {
  const holder = new LockClient(etcdBackend(etcd.url));
  const { client, seen } = tacitClient();
  const waiter = new LockClient(etcdBackend(client, { commandTimeout: 500 }));
  const lock = await holder.creator('quiet').acquire(30_000);
  const waiting = waiter.creator('quiet').acquire(30_000, 20_000);
  // Two to begin with, and at least one each time.
  await until(() => seen.streams > 1 || seen.requests >= 10, { what: 'some questions' });
  expect(seen.streams).toBe(1);
  await lock.release();
  await (await waiting).release();
  await waiter.close();
  await holder.close();
  client.close();
});

import { expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import {
  LockClient,
  LockUnsupportedError,
  memoryBackend,
  redisBackend,
  redlockBackend,
} from '../../src/index.ts';

// Nobody listens there, and nobody is asked.
const NOWHERE = 'redis://127.0.0.1:1';

it.each([
  ['redlock', () => redlockBackend([NOWHERE])],
  ['etcd', () => etcdBackend('http://127.0.0.1:1')],
])('%s has no counters, and says so at once', async (kind, make) => {
  const backend = make();
  await using client = new LockClient(backend);
  expect(backend.supports.counters).toBe(false);
  const counter = () => client.counter('batch', { ttl: 1_000, group: 'nightly' });
  expect(counter).toThrow(LockUnsupportedError);
  expect(counter).toThrow(expect.objectContaining({ kind, lockName: 'nightly/batch' }));
});

it.each([
  ['redis', () => redisBackend(NOWHERE)],
  ['memory', () => memoryBackend()],
])('%s has counters', async (_, make) => {
  const backend = make();
  await using client = new LockClient(backend);
  expect([backend.supports.counters, backend.counters !== undefined]).toEqual([true, true]);
  expect(client.counter('batch', { ttl: 1_000 })).toMatchObject({ name: 'batch', ttl: 1_000 });
});

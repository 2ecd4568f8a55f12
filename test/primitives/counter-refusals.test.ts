import { describe, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import {
  LockArgumentError,
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

describe('arguments', () => {
  it.each([
    ['ttl', {}],
    ['ttl', { ttl: 9 }],
    ['ttl', { ttl: 2_147_483_648 }],
    ['ttl', { ttl: 10.5 }],
    ['group', { ttl: 10, group: 'a/b' }],
    ['options', 30_000],
  ])('of `counter` are checked at once: %s', (argument, options) => {
    const client = new LockClient(memoryBackend());
    const make = () => client.counter('checked', options as { ttl: number });
    expect(make).toThrow(LockArgumentError);
    expect(make).toThrow(argument);
    expect(() => client.counter('', { ttl: 10 })).toThrow('name');
  });

  it('of all methods are checked before anything is sent', async () => {
    const backend = memoryBackend();
    const untouchable = new Proxy(backend, {
      get: (target, key) =>
        key === 'counters'
          ? { step: () => expect.unreachable(), wait: () => expect.unreachable() }
          : Reflect.get(target, key, target),
    });
    const counter = new LockClient(untouchable).counter('checked', { ttl: 10 });
    const bad = [-1, 0.5, Number.MAX_SAFE_INTEGER + 1, Number.NaN, '1', null] as number[];
    for (const value of bad) {
      for (const call of [counter.set(value), counter.increment(value), counter.decrement(value)]) {
        await expect(call).rejects.toThrow(LockArgumentError);
      }
    }
    await expect(counter.set(undefined as never)).rejects.toMatchObject({ argument: 'value' });
    for (const timeout of [-1, Number.NaN, 2_147_483_648, '5' as never]) {
      await expect(counter.wait(timeout)).rejects.toMatchObject({ argument: 'timeout' });
    }
    await expect(counter.wait(5, new AbortController().signal as never)).rejects.toMatchObject({
      argument: 'options',
    });
    await expect(counter.wait(5, { signal: 'x' as never })).rejects.toMatchObject({ argument: 'signal' });
  });
});

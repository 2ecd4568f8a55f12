import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockClient, LockLostError } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { ownRedis } from '../support/own-redis.ts';
import { until } from '../support/wait.ts';

const { server, redis } = await ownRedis();
let client: LockClient;
beforeEach(() => {
  client = new LockClient(server.url);
});
afterEach(() => client.close());

it('row 5: a process that was stopped beyond the TTL knows that it holds nothing', async () => {
  const file = new URL('./stalled.client.ts', import.meta.url);
  await using holder = spawnClient<
    { type: 'held'; fencingToken: number } | { type: 'after'; findings: unknown }
  >(file, { args: [server.url, 'stalled'] });
  const { fencingToken } = await holder.next('held');
  holder.kill('SIGSTOP');
  const creator = client.creator('stalled');
  const next = await creator.acquire(30_000, 10_000);
  expect(next.fencingToken).toBeGreaterThan(fencingToken);
  holder.kill('SIGCONT');
  const { findings } = await holder.next('after');
  expect(findings).toEqual({
    aborted: 'expired',
    remaining: 0,
    asserts: 'expired',
    held: false,
    refresh: 'expired',
  });
  expect(await next.isHeld()).toBe(true);
  await holder.stop();
});

describe('row 8: a refresh after the lease was lost', () => {
  it('never recreates it', async () => {
    const creator = client.creator('deleted');
    const lock = await creator.acquire(30_000);
    await redis.del('baton:{deleted}');
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    expect(await redis.exists('baton:{deleted}')).toBe(0);
    expect(lock.signal.aborted).toBe(true);
  });

  it('is noticed by auto refresh', async () => {
    const lock = (await client.creator('deleted').acquire(1_500)).autoRefresh();
    const { signal } = lock;
    await redis.del('baton:{deleted}');
    await until(() => signal.aborted, { what: 'the loss to be noticed' });
    expect(signal.reason).toBeInstanceOf(LockLostError);
    expect(await redis.exists('baton:{deleted}')).toBe(0);
  });
});

it('row 9: nothing is refreshed after the release', async () => {
  const creator = client.creator('stopped');
  const lock = (await creator.acquire(1_500)).autoRefresh();
  await until(async () => (await creator.inspect()).holders[0]!.remainingTtl < 1_250, {
    what: 'the lease to age',
  });
  await until(async () => (await creator.inspect()).holders[0]!.remainingTtl > 1_300, { what: 'a refresh' });
  await lock.release();
  const next = await creator.acquire(200);
  await until(async () => !(await creator.isLocked()), { what: 'the next lease to run out' });
  expect(next.remaining).toBe(0);
});

describe('row 13: a server that has lost its data', () => {
  it('lets the fence rise all the same, and the holder learns of it', async () => {
    const creator = client.creator('emptied');
    const lock = await creator.acquire(30_000);
    await redis.flushall();
    await expect(lock.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    const next = await creator.acquire(30_000);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await server.restart();
    const last = await creator.acquire(30_000, 10_000);
    expect(last.fencingToken).toBeGreaterThan(next.fencingToken);
    await expect(next.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    await last.release();
  });

  it('does not forget who waits', async () => {
    const creator = client.creator('emptied');
    const lock = await creator.acquire(400);
    const waiting = [creator.acquire(30_000, 20_000), creator.acquire(30_000, 20_000)];
    await until(async () => (await creator.inspect()).waiters === 2, { what: 'two waiters' });
    await redis.flushall();
    const first = await waiting[0]!;
    expect(first.fencingToken).toBeGreaterThan(lock.fencingToken);
    await first.release();
    await (await waiting[1]!).release();
  });
});

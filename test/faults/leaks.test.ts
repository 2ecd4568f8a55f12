import { getEventListeners } from 'node:events';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

/** Timers and sockets that keep this process alive. */
function resources() {
  const counts: Record<string, number> = { Timeout: 0, TCPSocketWrap: 0 };
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return { timers: counts.Timeout ?? 0, sockets: counts.TCPSocketWrap ?? 0 };
}

function settle(acquire: () => Promise<unknown>) {
  return Promise.allSettled(Array.from({ length: 200 }, acquire));
}

it('row 48: nothing is left of thousands of acquires that were granted, timed out, aborted, lost or closed', async () => {
  await using server = await startRedis();
  const redis = new Redis(server.url);
  const counting = new Redis(server.url);
  await Promise.all([redis.ping(), counting.ping()]);
  const before = resources();
  const listeners = redis.eventNames().map((event) => [event, redis.listenerCount(event)]);
  const client = new LockClient(redis);
  const never = new AbortController();

  for (let round = 0; round < 5; round++) {
    const creator = client.creator(`leaky-${round}`);
    const lock = (await creator.acquire(60_000)).autoRefresh();
    lock.signal.throwIfAborted();
    const abort = new AbortController();
    const timedOut = settle(() => creator.acquire(60_000, 30, { signal: never.signal }));
    const aborted = settle(() => creator.acquire(60_000, 60_000, { signal: abort.signal }));
    const granted = Array.from({ length: 200 }, async () => {
      const next = await creator.acquire(60_000, 60_000, { signal: never.signal });
      next.signal.throwIfAborted();
      await next.autoRefresh().release();
    });
    const watching = creator.watch({ signal: never.signal });
    await watching.next();
    expect((await timedOut).every(({ status }) => status === 'rejected')).toBe(true);
    abort.abort('aborted');
    expect((await aborted).every(({ status }) => status === 'rejected')).toBe(true);
    await lock.release();
    await Promise.all(granted);
    await watching.return?.();
    const lost = await creator.acquire(60_000);
    await creator.forceRelease();
    await expect(lost.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
  }

  expect(client.held).toEqual([]);
  expect(getEventListeners(never.signal, 'abort')).toEqual([]);
  // One inbox is kept; no watch, no queue.
  expect(await counting.pubsub('CHANNELS')).toHaveLength(1);
  expect((await counting.keys('*')).sort()).toEqual([0, 1, 2, 3, 4].map((round) => `baton:{leaky-${round}}`));
  await until(() => resources().timers <= before.timers, { what: 'all timers to end' });
  await client.close();
  expect(redis.eventNames().map((event) => [event, redis.listenerCount(event)])).toEqual(listeners);
  await until(() => resources().sockets <= before.sockets, { what: 'our socket to be closed' });
  expect(await counting.pubsub('CHANNELS')).toEqual([]);
  redis.disconnect();
  counting.disconnect();
});

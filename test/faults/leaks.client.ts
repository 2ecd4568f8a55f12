// Uses locks in every way there is, thousands of times, and tells what of it is left. Must then exit by itself.
import { getEventListeners } from 'node:events';
import { Redis } from 'ioredis';
import { LockClient } from '../../src/index.ts';
import { until } from '../support/wait.ts';

const redis = new Redis(process.argv[2] ?? '');
const counting = new Redis(process.argv[2] ?? '');
await Promise.all([redis.ping(), counting.ping()]);

const portrait = () => redis.eventNames().map((event) => `${String(event)} ${redis.listenerCount(event)}`);
const active = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
const timers = () => active('Timeout');
const sockets = () => active('TCPSocketWrap');
const settle = (acquire: () => Promise<unknown>) => Promise.allSettled(Array.from({ length: 200 }, acquire));

// Counted while `until` waits, as afterwards, since it has a timer of its own.
const before = await until(() => ({ timers: timers(), sockets: sockets(), listeners: portrait() }), {
  what: 'a first count',
});
const client = new LockClient(redis);
const never = new AbortController();
const rejected: PromiseSettledResult<unknown>[] = [];

for (let round = 0; round < 5; round++) {
  const creator = client.creator(`leaky-${round}`);
  const lock = (await creator.acquire(60_000)).autoRefresh();
  lock.signal.throwIfAborted();
  const abort = new AbortController();
  const timedOut = settle(() => creator.acquire(60_000, 30, { signal: never.signal }));
  const aborted = settle(() => creator.acquire(60_000, 60_000, { signal: abort.signal }));
  const granted = settle(async () => {
    const next = await creator.acquire(60_000, 60_000, { signal: never.signal });
    next.signal.throwIfAborted();
    await next.autoRefresh().release();
  });
  const watching = creator.watch({ signal: never.signal });
  await watching.next();
  rejected.push(...(await timedOut));
  abort.abort('aborted');
  rejected.push(...(await aborted));
  await lock.release();
  for (const { status } of await granted) if (status === 'rejected') throw new Error('not granted');
  await watching.return?.();
  const lost = await creator.acquire(60_000);
  await creator.forceRelease();
  rejected.push(...(await Promise.allSettled([lost.refresh()])));
}

await until(() => timers() <= before.timers, { what: 'all timers to end' });
const open = {
  rejected: rejected.filter(({ status }) => status === 'rejected').length,
  held: client.held.length,
  abortListeners: getEventListeners(never.signal, 'abort').length,
  channels: ((await counting.pubsub('SHARDCHANNELS')) as string[]).length,
  keys: (await counting.keys('*')).sort(),
};
await client.close();
await until(() => sockets() <= before.sockets, { what: 'our socket to be closed' });
const closed = {
  listenersChanged: portrait().join() !== before.listeners.join(),
  channels: ((await counting.pubsub('SHARDCHANNELS')) as string[]).length,
};
redis.disconnect();
counting.disconnect();
process.send?.({ type: 'left', open, closed }, () => process.disconnect());

// Uses locks in every way there is, thousands of times, and tells what of it is left. Must then exit by itself.
import { getEventListeners } from 'node:events';
import { Redis } from 'ioredis';
import { LockClient, redlockBackend } from '../../src/index.ts';
import { until } from '../support/wait.ts';

// One server, or several that form a quorum.
const urls = process.argv.slice(2);
const instances = urls.map((url) => new Redis(url));
const counting = urls.map((url) => new Redis(url));
await Promise.all([...instances, ...counting].map((redis) => redis.ping()));

const portrait = () =>
  instances.flatMap((redis) =>
    redis.eventNames().map((event) => `${String(event)} ${redis.listenerCount(event)}`),
  );
const active = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
const timers = () => active('Timeout');
const sockets = () => active('TCPSocketWrap');
const channels = () =>
  Promise.all(counting.map(async (redis) => ((await redis.pubsub('SHARDCHANNELS')) as string[]).length));
const settle = (acquire: () => Promise<unknown>) => Promise.allSettled(Array.from({ length: 200 }, acquire));

// Counted while `until` waits, as afterwards, since it has a timer of its own.
const before = await until(() => ({ timers: timers(), sockets: sockets(), listeners: portrait() }), {
  what: 'a first count',
});
const client = new LockClient(urls.length > 1 ? redlockBackend(instances) : instances[0]!);
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
const keys = await Promise.all(counting.map(async (redis) => (await redis.keys('*')).sort()));
const open = {
  rejected: rejected.filter(({ status }) => status === 'rejected').length,
  held: client.held.length,
  abortListeners: getEventListeners(never.signal, 'abort').length,
  channels: await channels(),
  keys,
};
await client.close();
await until(() => sockets() <= before.sockets, { what: 'our sockets to be closed' });
const closed = {
  listenersChanged: portrait().join() !== before.listeners.join(),
  channels: await channels(),
};
for (const redis of [...instances, ...counting]) redis.disconnect();
process.send?.({ type: 'left', open, closed }, () => process.disconnect());

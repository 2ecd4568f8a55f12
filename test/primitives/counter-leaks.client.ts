// Uses counters in every way there is, over a connection of the user, and tells what of it is left. Must then exit by itself.
import { getEventListeners } from 'node:events';
import { Redis } from 'ioredis';
import { LockClient } from '../../src/index.ts';
import { until } from '../support/wait.ts';

const [url = ''] = process.argv.slice(2);
const redis = new Redis(url);
const counting = new Redis(url);
await Promise.all([redis.ping(), counting.ping()]);

const active = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
const listeners = () => redis.eventNames().map((event) => `${String(event)} ${redis.listenerCount(event)}`);
const channels = async () => ((await counting.pubsub('SHARDCHANNELS')) as string[]).length;
const crowd = (wait: () => Promise<unknown>) => Promise.allSettled(Array.from({ length: 200 }, wait));

// Counted while `until` waits, as afterwards, since it has a timer of its own.
const before = await until(
  () => ({ timers: active('Timeout'), sockets: active('TCPSocketWrap'), listeners: listeners().join() }),
  { what: 'a first count' },
);
const client = new LockClient(redis);
const never = new AbortController();
const signal = never.signal;
const ends: Record<string, number> = {};
const note = (results: PromiseSettledResult<unknown>[]) => {
  for (const result of results) {
    const given = result.status === 'fulfilled' ? 'reached' : (result.reason.code ?? result.reason);
    // A busy machine may not have looked when the time is up, and says so.
    const end = given === 'ERR_LOCK_BACKEND' ? 'ERR_LOCK_TIMEOUT' : given;
    ends[end] = (ends[end] ?? 0) + 1;
  }
};

for (let round = 0; round < 5; round++) {
  const counter = client.counter(`leaky-${round}`, { ttl: 60_000 });
  await counter.set(300);
  const abort = new AbortController();
  const aborted = crowd(() => counter.wait(60_000, { signal: abort.signal }));
  const timedOut = crowd(() => counter.wait(30, { signal }));
  const reached = crowd(() => counter.wait(60_000, { signal }));
  note(await timedOut);
  abort.abort('aborted');
  note(await aborted);
  await Promise.all(Array.from({ length: 300 }, () => counter.decrement()));
  note(await reached);
  await counter.increment();
  const deleted = crowd(() => counter.wait());
  await until(async () => (await channels()) === 1, { what: 'the subscription' });
  await counter.delete();
  note(await deleted);
  note(await crowd(() => counter.decrement()));
}
await until(async () => (await channels()) === 0, { what: 'the subscriptions to end' });
await until(() => active('Timeout') <= before.timers, { what: 'all timers to end' });
const abortListeners = getEventListeners(signal, 'abort').length;
const lasting = client.counter('leaky', { ttl: 60_000 });
await lasting.set(1);
const closed = crowd(() => lasting.wait(60_000, { signal }));
await client.close();
note(await closed);
await until(() => active('TCPSocketWrap') <= before.sockets, { what: 'our sockets to be closed' });
const left = {
  ends,
  abortListeners,
  listenersChanged: listeners().join() !== before.listeners,
  counters: await counting.keys('*:counter'),
  channels: await channels(),
};
redis.disconnect();
counting.disconnect();
process.send?.({ type: 'left', left }, () => process.disconnect());

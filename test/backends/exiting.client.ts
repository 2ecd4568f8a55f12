// Uses locks, ends in the way it is told, and must then exit by itself: nothing of ours may keep it.
import { Redis } from 'ioredis';
import { LockClient, memoryBackend } from '../../src/index.ts';

const [url = '', way] = process.argv.slice(2);
const redis = way === 'memory' ? undefined : new Redis(url);
const client = new LockClient(redis ?? memoryBackend());
const creator = client.creator(`exiting-${way}`);

const lock = (await creator.acquire(60_000)).autoRefresh();
lock.signal.throwIfAborted();
const waiting = creator.acquire(60_000, 50_000).catch((error: unknown) => error);
while ((await creator.inspect()).waiters === 0);
const watch = client.creator('free').watch();
await watch.next();

if (way === 'quit') {
  await redis?.quit();
} else {
  if (way === 'close') {
    await lock.release();
    await waiting;
  }
  await client.close();
  redis?.disconnect();
}
await waiting;
// What a lease keeps by itself is its timers; a lost connection does not release it.
if (way === 'quit') await lock.release().catch(() => {});
process.disconnect();

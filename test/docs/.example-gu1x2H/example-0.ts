import { Redis } from 'ioredis';
import { LockCreator } from '../../../src/index.ts';

const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379');
const creator = new LockCreator('orders:42', redis);

const lock = await creator.acquire(30_000, 3_000); // TTL and longest wait, in ms
lock.autoRefresh(); // extends the lease until the release
try {
  console.log(`order 42 is mine, fencing token ${lock.fencingToken}`);
} finally {
  await lock.release(); // from here on the next in line has it
}
await creator.close();
redis.disconnect();

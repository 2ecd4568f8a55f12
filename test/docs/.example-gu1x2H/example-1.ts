import { backendFromUrl, LockClient } from '../../../src/index.ts';

const client = new LockClient(await backendFromUrl(process.env.LOCKS_URL ?? 'memory:'));
const lock = await client.creator('orders:42').acquire(30_000, 3_000);
console.log(`order 42 is mine, fencing token ${lock.fencingToken}`);
await lock.release();
await client.close();

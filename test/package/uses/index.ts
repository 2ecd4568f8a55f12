import { ok, rejects } from 'node:assert/strict';
import {
  backendFromUrl,
  type Lock,
  LockClient,
  LockCreator,
  LockTimeoutError,
  memoryBackend,
  redisBackend,
} from 'batonlock';
import { Redis } from 'ioredis';

/** A lock that is handed over, through a connection of the user, through one of ours, and in memory. */
export async function use(): Promise<void> {
  const url = process.env.REDIS_URL ?? '';
  const redis = new Redis(url);
  await using creator = new LockCreator('orders:42', redis);
  await handOver(creator);
  for (const backend of [redisBackend(url), memoryBackend(), await backendFromUrl(url)]) {
    const client = new LockClient(backend);
    await handOver(client.semaphore('seats', 1, { group: 'cinema' }));
    await client.close();
  }
  redis.disconnect();
}

async function handOver(creator: LockCreator): Promise<void> {
  const first: Lock = await creator.acquire(30_000, 3_000);
  await rejects(creator.acquire(30_000, 0), LockTimeoutError);
  const second = creator.using(30_000, 3_000, (lock) => lock.autoRefresh().fencingToken);
  await first.release();
  ok((await second) > first.fencingToken);
}

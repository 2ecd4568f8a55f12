import { Redis } from 'ioredis';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { type LockBackend, memoryBackend, redisBackend, redlockBackend } from '../../src/index.ts';

/** A backend of each engine, by its folder in `src`, that has connected to nothing. */
const IDLE: Record<string, () => LockBackend> = {
  memory: () => memoryBackend(),
  redis: () => redisBackend(new Redis({ lazyConnect: true })),
  redlock: () => redlockBackend([new Redis({ lazyConnect: true })]),
  etcd: () => etcdBackend('etcd://localhost'),
};

/** Whether an engine has semaphores and read-write locks: what its backend says, known before a server is started. */
export function supportsCapacity(folder: string): boolean {
  const backend = IDLE[folder]?.();
  if (!backend) throw new Error(`there is no engine ${folder}`);
  void backend.close();
  return backend.supports.capacity;
}

import type { Cluster, Redis } from 'ioredis';
import { hasMethods, propertyOf } from './core/arguments.ts';
import type { LockBackend } from './core/backend.ts';
import { Session } from './core/session.ts';
import { LockArgumentError } from './errors.ts';
import { isRedis, redisBackend } from './redis-backends.ts';

/**
 * Where locks live: an ioredis instance (of yours, never closed by us), a URL of Redis, or a backend; `backendFromUrl` makes
 * one from any URL.
 */
export type LockSource = Redis | Cluster | LockBackend | string;

interface SharedBackend {
  readonly backend: LockBackend;
  users: number;
}

/** Those that every backend has. */
const METHODS = [
  'acquire',
  'tryAcquire',
  'refresh',
  'release',
  'onForced',
  'inspect',
  'forceRelease',
  'watch',
  'close',
];

/** One pair of connections for each ioredis instance, and one count of users for each backend. */
const opened = new WeakMap<object, SharedBackend>();

/**
 * A session on what is behind a source. Whoever closes the last session on a backend closes the backend. `check` may throw
 * when the backend will not do; all that we open will.
 */
export function openSession(source: LockSource, check: (backend: LockBackend) => void = () => {}): Session {
  if (typeof source === 'string') {
    const backend = redisBackend(source);
    return new Session(backend, () => backend.close());
  }
  const shared = opened.get(source) ?? { backend: backendOf(source), users: 0 };
  check(shared.backend);
  opened.set(source, shared);
  shared.users += 1;
  return new Session(shared.backend, async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    opened.delete(source);
    await shared.backend.close();
  });
}

function backendOf(source: Redis | Cluster | LockBackend): LockBackend {
  if (isRedis(source)) return redisBackend(source);
  if (isBackend(source)) return source;
  throw new LockArgumentError(
    'source',
    source,
    'an ioredis Redis or Cluster instance, a Redis URL or a backend',
  );
}

function isBackend(source: unknown): source is LockBackend {
  const supports = propertyOf(source, 'supports');
  return (
    hasMethods(source, METHODS) &&
    hasMethods(propertyOf(source, 'clock'), ['now', 'callAt']) &&
    typeof supports === 'object' &&
    supports !== null
  );
}

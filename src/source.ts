import { type Cluster, Redis } from 'ioredis';
import type { LockBackend } from './core/backend.ts';
import { systemClock } from './core/clock.ts';
import { Session } from './core/session.ts';
import { LockArgumentError } from './errors.ts';
import { RedisBackend } from './redis/backend.ts';
import { type RedisBackendOptions, redisSettings } from './redis/options.ts';

/** Where locks live: an ioredis instance (of yours, never closed by us), a Redis URL, or a backend. */
export type LockSource = Redis | Cluster | LockBackend | string;

const DISCONNECT_TIMEOUT_MS = 100;

interface SharedBackend {
  readonly backend: LockBackend;
  users: number;
}

/** One pair of connections for each ioredis instance, and one count of users for each backend. */
const opened = new WeakMap<object, SharedBackend>();

/**
 * Locks on one Redis server, on what ioredis reaches through Sentinels, or on a cluster. `source` is a URL (`redis://`,
 * `rediss://`; the connection is then ours and ends with `close`) or your own ioredis instance, which is neither
 * changed nor closed. Throws `LockArgumentError`.
 */
export function redisBackend(source: Redis | Cluster | string, options?: RedisBackendOptions): LockBackend {
  const settings = redisSettings(options);
  if (typeof source === 'string') return new RedisBackend(connect(source), settings, systemClock, true);
  if (isRedis(source)) return new RedisBackend(source, settings, systemClock, false);
  throw new LockArgumentError('source', source, 'an ioredis Redis or Cluster instance, or a URL');
}

/** A session on what is behind a source. Whoever closes the last session on a backend closes the backend. */
export function openSession(source: LockSource): Session {
  if (typeof source === 'string') {
    const backend = redisBackend(source);
    return new Session(backend, () => backend.close());
  }
  const shared = opened.get(source) ?? { backend: backendOf(source), users: 0 };
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

function connect(url: string): Redis {
  const parsed = /^rediss?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^\/?\d*$/.test(parsed.pathname)) {
    const bounds =
      'a URL that begins with redis:// or rediss://, with nothing but a database number as its path';
    throw new LockArgumentError('source', withoutCredentials(url), bounds);
  }
  // A connection that does not answer must not keep a process for long that has ended it.
  return new Redis(url, { disconnectTimeout: DISCONNECT_TIMEOUT_MS });
}

/** Error messages end up in logs. */
function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//…@');
}

/** By shape, since an application may have its own copy of ioredis. */
function isRedis(source: unknown): source is Redis | Cluster {
  if (!hasMethods(source, ['evalsha', 'on', 'disconnect'])) return false;
  return hasMethods(source, 'isCluster' in source && source.isCluster ? ['nodes'] : ['duplicate']);
}

function isBackend(source: unknown): source is LockBackend {
  return hasMethods(source, ['acquire', 'tryAcquire', 'refresh', 'release', 'inspect', 'watch', 'close']);
}

function hasMethods(value: unknown, names: readonly string[]): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}

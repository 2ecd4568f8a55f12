import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import type { LockBackend } from './core/backend.ts';
import { systemClock } from './core/clock.ts';
import { Session } from './core/session.ts';
import { LockArgumentError } from './errors.ts';
import { RedisBackend } from './redis/backend.ts';
import { type RedisBackendOptions, redisSettings } from './redis/options.ts';
import { RedlockBackend } from './redlock/backend.ts';
import { type RedlockBackendOptions, redlockSettings } from './redlock/options.ts';

/** Where locks live: an ioredis instance (of yours, never closed by us), a Redis URL, or a backend. */
export type LockSource = Redis | Cluster | LockBackend | string;

const DISCONNECT_TIMEOUT_MS = 100;
const DEFAULT_PORT = 6379;

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

/**
 * Locks on several independent Redis servers, of which a quorum has to agree. `sources` are at least one URL (`redis://`,
 * `rediss://`; the connection is then ours and ends with `close`) or ioredis instance of yours (neither changed nor
 * closed), each for another server; the order is that in which all clients should name them. A server that restarts
 * without its data must stay away for as long as the longest TTL in use. Throws `LockArgumentError`.
 */
export function redlockBackend(
  sources: readonly (Redis | string)[],
  options?: RedlockBackendOptions,
): LockBackend {
  if (!Array.isArray(sources) || sources.length === 0) {
    throw new LockArgumentError('sources', sources, 'an array of at least one URL or ioredis Redis instance');
  }
  const settings = redlockSettings(sources.length, options);
  const named = new Map<string, Redis | string>();
  for (const [index, source] of sources.entries()) {
    const label = labelOf(source, `sources[${index}]`);
    if (named.has(label)) throw new LockArgumentError('sources', label, 'different servers');
    named.set(label, source);
  }
  const servers = [...named].map(([label, source]) => {
    const owned = typeof source === 'string';
    return { label, owned, redis: owned ? connect(source) : source };
  });
  return new RedlockBackend(servers, settings, systemClock);
}

/** What tells one server from another, without credentials. */
function labelOf(source: unknown, argument: string): string {
  if (typeof source === 'string') {
    const { hostname, port } = checkUrl(source, argument);
    return `${hostname.replace(/^\[|\]$/g, '')}:${port || DEFAULT_PORT}`;
  }
  if (!isRedis(source) || ('isCluster' in source && source.isCluster)) {
    throw new LockArgumentError(argument, source, 'a URL or an ioredis Redis instance, and no Cluster');
  }
  const { sentinels, name, path, host, port } = source.options as RedisOptions;
  return sentinels && name ? `Sentinel ${name}` : (path ?? `${host}:${port}`);
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

function checkUrl(url: string, argument = 'source'): URL {
  const parsed = /^rediss?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^\/?\d*$/.test(parsed.pathname)) return parsed;
  const bounds =
    'a URL that begins with redis:// or rediss://, with nothing but a database number as its path';
  throw new LockArgumentError(argument, withoutCredentials(url), bounds);
}

function connect(url: string): Redis {
  checkUrl(url);
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

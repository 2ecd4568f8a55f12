import type { Cluster, Redis } from 'ioredis';
import { checkServerUrl, connect, connectToServer, isClusterUrl, REDIS_PORT } from './connect.ts';
import { copyArray, hasMethods, propertyOf } from './core/arguments.ts';
import type { LockBackend } from './core/backend.ts';
import { systemClock } from './core/clock.ts';
import { LockArgumentError } from './errors.ts';
import { RedisBackend } from './redis/backend.ts';
import { isCluster, serverOf } from './redis/connection.ts';
import { type RedisBackendOptions, redisSettings } from './redis/options.ts';
import { RedlockBackend } from './redlock/backend.ts';
import { type RedlockBackendOptions, redlockSettings } from './redlock/options.ts';

const MOST_SERVERS = 1_000;

/**
 * Locks on one Redis server, on what ioredis reaches through Sentinels, or on a cluster. `source` is a URL (`redis://`,
 * `redis+sentinel://` or `redis+cluster://`, see `backendFromUrl`; the connection is then ours and ends with `close`) or
 * your own ioredis instance, which is neither changed nor closed. Throws `LockArgumentError`.
 */
export function redisBackend(source: Redis | Cluster | string, options?: RedisBackendOptions): LockBackend {
  const settings = redisSettings(options);
  const onCluster = typeof source === 'string' ? isClusterUrl(source) : isRedis(source) && isCluster(source);
  if (settings.replicas && onCluster) {
    const bounds = 'left out on a cluster, which has no WAIT for a key';
    throw new LockArgumentError('replicas', options?.replicas, bounds);
  }
  if (typeof source === 'string') return new RedisBackend(connect(source), settings, systemClock, true);
  if (isRedis(source)) return new RedisBackend(source, settings, systemClock, false);
  throw new LockArgumentError('source', source, 'an ioredis Redis or Cluster instance, or a URL');
}

/**
 * Locks on several independent Redis servers, of which a quorum has to agree. `sources` are 1 to 1 000 URLs (`redis://`,
 * `rediss://`; the connection is then ours and ends with `close`) or ioredis instance of yours (neither changed nor
 * closed), each for another server; the order is that in which all clients should name them. A server that restarts
 * without its data must stay away for as long as the longest TTL in use. Throws `LockArgumentError`.
 */
export function redlockBackend(
  sources: readonly (Redis | string)[],
  options?: RedlockBackendOptions,
): LockBackend {
  const given = copyArray(sources, MOST_SERVERS);
  if (!given || given.length === 0) {
    throw new LockArgumentError('sources', sources, 'an array of at least one URL or ioredis Redis instance');
  }
  const settings = redlockSettings(given.length, options);
  const named = new Map<string, Redis | string>();
  for (const [index, source] of given.entries()) {
    const label = labelOf(source, `sources[${index}]`);
    if (named.has(label)) throw new LockArgumentError('sources', label, 'different servers');
    named.set(label, source as Redis | string);
  }
  const servers = [...named].map(([label, source]) => {
    const owned = typeof source === 'string';
    return { label, owned, redis: owned ? connectToServer(source) : source };
  });
  return new RedlockBackend(servers, settings, systemClock);
}

/** What tells one server from another, without credentials. */
function labelOf(source: unknown, argument: string): string {
  if (typeof source === 'string') {
    const { hostname, port } = checkServerUrl(source, argument);
    return `${hostname.replace(/^\[|\]$/g, '')}:${port || REDIS_PORT}`;
  }
  if (!isRedis(source) || isCluster(source)) {
    throw new LockArgumentError(argument, source, 'a URL or an ioredis Redis instance, and no Cluster');
  }
  return serverOf(source);
}

/** By shape, since an application may have its own copy of ioredis. */
export function isRedis(source: unknown): source is Redis | Cluster {
  if (typeof propertyOf(source, 'status') !== 'string' || !propertyOf(source, 'options')) return false;
  if (!hasMethods(source, ['evalsha', 'on', 'disconnect'])) return false;
  return hasMethods(source, propertyOf(source, 'isCluster') ? ['nodes'] : ['duplicate']);
}

import { Cluster, Redis } from 'ioredis';
import { LockArgumentError, withoutCredentials } from './errors.ts';
import { DISCONNECT_TIMEOUT_MS } from './redis/connection.ts';
import { SentinelRedis } from './sentinel-redis.ts';
import { parseServersUrl, type ServersUrl, schemeOf } from './url.ts';

export const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

const BOUNDS = {
  server: 'a URL that begins with redis:// or rediss://, with nothing but a database number after the host',
  cluster: 'a URL such as redis+cluster://user:password@host:6379,other:6379, without a path',
  sentinel: 'a URL such as redis+sentinel://user:password@host:26379,other:26379/master-name/0',
};

/** Whether `connect` knows what to do with a URL that begins so. */
export function isRedisScheme(scheme: string | undefined): boolean {
  return scheme !== undefined && /^rediss?(\+(cluster|sentinel))?$/.test(scheme);
}

export function isClusterUrl(url: string): boolean {
  return schemeOf(url)?.endsWith('+cluster') === true;
}

/**
 * Opens a connection of our own: to one server, to a cluster, or to the master that Sentinels name; with `rediss` in the
 * place of `redis` over TLS. Throws `LockArgumentError`.
 */
export function connect(url: string): Redis | Cluster {
  if (isClusterUrl(url)) return connectCluster(parseServersUrl(url, BOUNDS.cluster, 'source'), url);
  if (schemeOf(url)?.endsWith('+sentinel'))
    return connectBySentinel(parseServersUrl(url, BOUNDS.sentinel, 'source'), url);
  return connectToServer(url);
}

export function connectToServer(url: string): Redis {
  checkServerUrl(url);
  return new Redis(url, { disconnectTimeout: DISCONNECT_TIMEOUT_MS });
}

/** Throws `LockArgumentError` unless it is the URL of one server. */
export function checkServerUrl(url: string, argument = 'source'): URL {
  const parsed = /^rediss?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  // What ioredis takes from the rest of a URL are options, also those that make it throw.
  if (parsed && /^\/?\d*$/.test(parsed.pathname + parsed.search + parsed.hash) && hasLogin(parsed))
    return parsed;
  throw new LockArgumentError(argument, withoutCredentials(url), BOUNDS.server);
}

/** Whether user and password, if there are any, can be decoded. */
function hasLogin({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

function connectCluster(parts: ServersUrl, url: string): Cluster {
  if (parts.path !== '') throw new LockArgumentError('source', withoutCredentials(url), BOUNDS.cluster);
  const nodes = parts.hosts.map(({ host, port = REDIS_PORT }) => ({ host, port }));
  const redisOptions = { ...login(parts), disconnectTimeout: DISCONNECT_TIMEOUT_MS };
  if (!isTls(parts)) return new Cluster(nodes, { redisOptions });
  // Names stay names, since certificates are for those.
  const dnsLookup = (address: string, done: (error: null, address: string) => void) => done(null, address);
  return new Cluster(nodes, { redisOptions: { ...redisOptions, tls: {} }, dnsLookup });
}

/** User and password are those of the servers, and not of the Sentinels. */
function connectBySentinel(parts: ServersUrl, url: string): Redis {
  const [, name, db = '0'] = /^([^/]+)(?:\/(\d+))?$/.exec(parts.path) ?? [];
  if (name === undefined) throw new LockArgumentError('source', withoutCredentials(url), BOUNDS.sentinel);
  const sentinels = parts.hosts.map(({ host, port = SENTINEL_PORT }) => ({ host, port }));
  return new SentinelRedis({
    sentinels,
    name,
    // A master that is replaced goes on as one for ten seconds or so. Whoever hears of it leaves at once.
    failoverDetector: true,
    db: Number(db),
    ...login(parts),
    ...(isTls(parts) && { tls: {}, enableTLSForSentinelMode: true }),
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  });
}

function isTls({ scheme }: ServersUrl): boolean {
  return scheme.startsWith('rediss');
}

function login({ username, password }: ServersUrl): { username?: string; password?: string } {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

import { isRedisScheme } from './connect.ts';
import { checkOptions } from './core/arguments.ts';
import type { LockBackend } from './core/backend.ts';
import { LockArgumentError, withoutCredentials } from './errors.ts';
import { memoryBackend } from './memory/backend.ts';
import { redisBackend, redlockBackend } from './redis-backends.ts';
import { parseServersUrl, type ServersUrl, schemeOf } from './url.ts';

/** What every engine understands, but for the prefix, of which memory has no need. */
export interface UrlBackendOptions {
  /** What all keys and channels begin with: printable ASCII without spaces or braces. `baton` by default. */
  prefix?: string;
  /** Shown in inspections: 1 to 64 letters, digits, ".", "_" or "-". The host's name by default. */
  clientName?: string;
  /** Longest time to wait for the answer to one command, in ms. 5 s by default, 1 s for a quorum. */
  commandTimeout?: number;
}

const SCHEMES =
  'redis://, rediss://, redis+cluster://, rediss+cluster://, redis+sentinel://, rediss+sentinel://, redlock://, ' +
  'redlocks://, etcd://, etcds:// or memory:';

/**
 * The backend that a URL names. The connections are ours and end with `close`; a scheme with an "s" more is over TLS.
 *
 * - `redis://user:password@host:6379/0`
 * - `redis+cluster://user:password@host:6379,other:6379`
 * - `redis+sentinel://user:password@host:26379,other:26379/master-name/0`
 * - `redlock://user:password@host:6379,other:6379,third:6379/0`
 * - `etcd://user:password@host:2379,other:2379`, for which the package `etcd3` has to be installed
 * - `memory:`, or `memory:name`: all of one name in this process share their locks
 *
 * Rejects with `LockArgumentError`.
 */
export async function backendFromUrl(url: string, options?: UrlBackendOptions): Promise<LockBackend> {
  const scheme = typeof url === 'string' ? schemeOf(url) : undefined;
  if (isRedisScheme(scheme)) return redisBackend(url, options);
  if (scheme === 'redlock' || scheme === 'redlocks') return redlockBackend(quorumServers(url), options);
  if (scheme === 'etcd' || scheme === 'etcds') return etcdFrom(url, options);
  if (scheme === 'memory') return memoryFrom(url, options);
  const shown = typeof url === 'string' ? withoutCredentials(url) : url;
  throw new LockArgumentError('url', shown, `a URL that begins with ${SCHEMES}`);
}

/** One URL for each server of a quorum. Throws `LockArgumentError`. */
export function quorumServers(url: string): string[] {
  const bounds = 'a URL such as redlock://user:password@host:6379,other:6379,third:6379/0';
  const parts = parseServersUrl(url, bounds);
  if (!/^\d*$/.test(parts.path)) throw new LockArgumentError('url', withoutCredentials(url), bounds);
  const scheme = parts.scheme === 'redlocks' ? 'rediss' : 'redis';
  return parts.hosts.map(({ host, port }) => {
    const address = host.includes(':') ? `[${host}]` : host;
    return `${scheme}://${loginOf(parts)}${address}${port === undefined ? '' : `:${port}`}/${parts.path}`;
  });
}

function loginOf({ username = '', password }: ServersUrl): string {
  if (username === '' && password === undefined) return '';
  return `${encodeURIComponent(username)}:${encodeURIComponent(password ?? '')}@`;
}

/** Loaded late, as its package is optional; and by an `import` that catches, so that bundlers can do without it, too. */
async function etcdFrom(url: string, options: UrlBackendOptions | undefined): Promise<LockBackend> {
  const { Etcd3 } = await import('etcd3').catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    throw new LockArgumentError(
      'url',
      withoutCredentials(url),
      'of an engine that is installed (npm install etcd3)',
    );
  });
  const { openEtcd } = await import('./etcd/open.ts');
  return openEtcd(Etcd3, url.replace(/^etcds:/, 'https:'), options);
}

function memoryFrom(url: string, options: UrlBackendOptions | undefined): LockBackend {
  const { clientName } = checkOptions(options, ['clientName']);
  const space = url.slice('memory:'.length) || 'memory:';
  return memoryBackend({ space, ...(clientName !== undefined && { clientName }) });
}

import { copyArray } from '../core/arguments.ts';
import { LockArgumentError, withoutCredentials } from '../errors.ts';

/** Where an etcd cluster is and who we are there, as URLs say it. */
export interface EtcdHosts {
  /** `http://host:port` or `https://host:port`, one for each member. */
  readonly hosts: readonly string[];
  readonly auth: { readonly username: string; readonly password: string } | undefined;
}

const URL_BOUNDS =
  'URLs such as etcd://host:2379,other:2379, http://host:2379 or https://user:password@host:2379, all alike';
const URL_PARTS = /^(etcd|https?):\/\/(?:([^@/]*)@)?([^@/?#]+)\/?$/;
/** The most that one backend takes. */
export const MOST_URLS = 1_000;
const DEFAULT_PORT = '2379';

/** Takes URLs apart; throws `LockArgumentError` that never shows a password. */
export function parseHosts(source: string | readonly string[]): EtcdHosts {
  const urls = typeof source === 'string' ? [source] : source;
  const parts = urls.map((url) => parseUrl(url));
  const logins = new Set(parts.flatMap(({ login }) => (login === undefined ? [] : [login])));
  const schemes = new Set(parts.map(({ scheme }) => scheme));
  if (parts.length === 0 || logins.size > 1 || schemes.size > 1) throw refused(source);
  const [login] = logins;
  return {
    hosts: parts.flatMap(({ hosts }) => hosts),
    auth: login === undefined ? undefined : loginOf(login),
  };
}

function parseUrl(url: unknown): { scheme: string; login: string | undefined; hosts: string[] } {
  const found = typeof url === 'string' ? URL_PARTS.exec(url) : null;
  if (!found) throw refused(url);
  const [, given, login, list = ''] = found;
  const scheme = given === 'https' ? 'https' : 'http';
  if (login !== undefined && !loginOf(login)) throw refused(url);
  return { scheme, login, hosts: list.split(',').map((host) => hostUrl(scheme, host, url)) };
}

function hostUrl(scheme: string, host: string, url: unknown): string {
  // Parsed under a scheme without a default port: WHATWG URLs would drop port 80 or 443.
  const address = `etcd://${host}`;
  if (host === '' || !URL.canParse(address)) throw refused(url);
  const { hostname, port } = new URL(address);
  if (hostname === '') throw refused(url);
  return `${scheme}://${hostname}:${port || DEFAULT_PORT}`;
}

function loginOf(login: string): EtcdHosts['auth'] {
  const [username = '', password = '', ...rest] = login.split(':');
  if (username === '' || password === '' || rest.length > 0) return undefined;
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return undefined;
  }
}

function refused(source: unknown): LockArgumentError {
  // Errors end up in logs, with all that they carry.
  const hide = (url: unknown) => (typeof url === 'string' ? withoutCredentials(url) : url);
  const shown = copyArray(source, MOST_URLS)?.map(hide) ?? hide(source);
  return new LockArgumentError('source', shown, URL_BOUNDS);
}

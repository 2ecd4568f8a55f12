import { LockArgumentError, withoutCredentials } from './errors.ts';

/** A URL that may name several servers, which those of the web may not. */
export interface ServersUrl {
  /** Without the colon. */
  readonly scheme: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** At least one; without a port it is the scheme's own. */
  readonly hosts: readonly { readonly host: string; readonly port: number | undefined }[];
  /** Without the slash that it begins with. */
  readonly path: string;
}

const PARTS = /^([a-z][a-z+]*):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;

/** Takes it apart; throws `LockArgumentError`, whose text has no credentials. `bounds` says what would have been right. */
export function parseServersUrl(url: string, bounds: string, argument = 'url'): ServersUrl {
  const refused = () => new LockArgumentError(argument, withoutCredentials(url), bounds);
  const [, scheme, login, list, path = ''] = PARTS.exec(url) ?? [];
  if (scheme === undefined || list === undefined) throw refused();
  try {
    const colon = login?.indexOf(':') ?? -1;
    const username = colon < 0 ? login : login?.slice(0, colon);
    return {
      scheme,
      username: username ? decodeURIComponent(username) : undefined,
      password: colon < 0 ? undefined : decodeURIComponent(login?.slice(colon + 1) ?? ''),
      hosts: list.split(',').map(parseHost),
      path: decodeURIComponent(path),
    };
  } catch {
    throw refused();
  }
}

/** The part before the first colon; undefined if there is none. */
export function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z+]*):/.exec(url)?.[1];
}

/** Throws when it is none. */
function parseHost(text: string): ServersUrl['hosts'][number] {
  // Under a scheme without a default port, which would be left out.
  const { hostname, port, pathname } = new URL(`servers://${text}`);
  if (hostname === '' || pathname !== '') throw new TypeError('no host');
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? undefined : Number(port) };
}

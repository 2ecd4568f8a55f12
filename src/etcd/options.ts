import { checkDuration, checkOptions } from '../core/arguments.ts';
import { checkClientName } from '../core/owner.ts';
import { LockArgumentError } from '../errors.ts';

/** Options of `etcdBackend`. */
export interface EtcdBackendOptions {
  /**
   * What all keys begin with, followed by a slash: up to 128 printable ASCII characters without spaces, `baton` by
   * default, nothing at all if empty. The lock `name` is what `etcdctl lock <prefix>/<name>` calls it, with `%25` for
   * each `%` and `%2F` for each `/` of the name.
   */
  prefix?: string;
  /** Shown in inspections: 1 to 64 letters, digits, ".", "_" or "-". The host's name by default. */
  clientName?: string;
  /** Longest time to wait for the answer to one command, in ms, at least 10. 5 s by default. */
  commandTimeout?: number;
  /** User and password, unless they are in the URL. Only for connections of our own. */
  auth?: { username: string; password: string };
  /** Certificates in PEM; with them every connection of our own speaks TLS. */
  credentials?: { rootCertificate: Buffer; privateKey?: Buffer; certChain?: Buffer };
}

export interface EtcdSettings {
  readonly prefix: string;
  readonly clientName: string | undefined;
  readonly commandTimeoutMs: number;
}

/** How connections of our own prove who they are. */
export type EtcdIdentity = Pick<EtcdBackendOptions, 'auth' | 'credentials'>;

const PREFIX = /^[!-~]{0,128}$/;

/** Checks the options and fills in the defaults. */
export function etcdSettings(options?: EtcdBackendOptions): EtcdSettings {
  const given = checkOptions(options);
  const prefix = given.prefix ?? 'baton';
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw new LockArgumentError('prefix', prefix, 'up to 128 printable ASCII characters without spaces');
  }
  return {
    prefix,
    clientName: checkClientName(given.clientName),
    commandTimeoutMs: checkDuration(given.commandTimeout ?? 5_000, 'commandTimeout', 10),
  };
}

/** Checks what proves our identity. */
export function etcdIdentity(options?: EtcdBackendOptions): EtcdIdentity {
  const { auth, credentials } = checkOptions(options);
  if (auth !== undefined && !(isText(auth?.username) && isText(auth.password))) {
    throw new LockArgumentError('auth', auth, 'an object with a username and a password');
  }
  if (credentials !== undefined && !areCertificates(credentials)) {
    throw new LockArgumentError('credentials', credentials, 'an object of Buffers with a rootCertificate');
  }
  return { ...(auth && { auth }), ...(credentials && { credentials }) };
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function areCertificates(value: NonNullable<EtcdIdentity['credentials']>): boolean {
  if (typeof value !== 'object' || value === null || !Buffer.isBuffer(value.rootCertificate)) return false;
  return [value.privateKey, value.certChain].every((part) => part === undefined || Buffer.isBuffer(part));
}

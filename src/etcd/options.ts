import { checkDuration, checkOptions, isInstance, propertyOf } from '../core/arguments.ts';
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
  auth?: {
    /** Name of the user. */
    username: string;
    /** The user's password. */
    password: string;
  };
  /** Certificates in PEM; with them every connection of our own speaks TLS. */
  credentials?: {
    /** Of whoever has signed the server's certificate. */
    rootCertificate: Buffer;
    /** Of the client, if the server asks for one. */
    privateKey?: Buffer;
    /** The client's certificate, and those up to one that the server trusts. */
    certChain?: Buffer;
  };
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
  const given = checkOptions(options, ['prefix', 'clientName', 'commandTimeout']);
  const { prefix = 'baton', clientName, commandTimeout = 5_000 } = given;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw new LockArgumentError('prefix', prefix, 'up to 128 printable ASCII characters without spaces');
  }
  return {
    prefix,
    clientName: checkClientName(clientName),
    commandTimeoutMs: checkDuration(commandTimeout, 'commandTimeout', 10),
  };
}

/** Checks what proves our identity. */
export function etcdIdentity(options?: EtcdBackendOptions): EtcdIdentity {
  const { auth, credentials } = checkOptions(options, ['auth', 'credentials']);
  return {
    ...(auth !== undefined && { auth: checkAuth(auth) }),
    ...(credentials !== undefined && { credentials: checkCredentials(credentials) }),
  };
}

function checkAuth(auth: unknown): NonNullable<EtcdIdentity['auth']> {
  const username = propertyOf(auth, 'username');
  const password = propertyOf(auth, 'password');
  if (isText(username) && isText(password)) return { username, password };
  throw new LockArgumentError('auth', auth, 'an object with a username and a password');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function checkCredentials(credentials: unknown): NonNullable<EtcdIdentity['credentials']> {
  const rootCertificate = propertyOf(credentials, 'rootCertificate');
  const privateKey = propertyOf(credentials, 'privateKey');
  const certChain = propertyOf(credentials, 'certChain');
  // A key without its certificate proves nothing.
  const paired = (privateKey === undefined) === (certChain === undefined);
  const whole = isInstance(rootCertificate, Buffer) && isBufferIfAny(privateKey) && isBufferIfAny(certChain);
  if (paired && whole) {
    return { rootCertificate, ...(privateKey && { privateKey }), ...(certChain && { certChain }) };
  }
  const bounds = 'an object of Buffers with a rootCertificate, and a certChain if there is a privateKey';
  throw new LockArgumentError('credentials', credentials, bounds);
}

function isBufferIfAny(value: unknown): value is Buffer | undefined {
  return value === undefined || isInstance(value, Buffer);
}

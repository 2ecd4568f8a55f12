import { inspect } from 'node:util';
import fc from 'fast-check';
import { Cluster, Redis } from 'ioredis';
import { backendFromUrl, LockArgumentError } from '../../src/index.ts';
import { anyHostile } from './values.ts';

const SECRET = 'S3CR3T';

const scheme = fc.constantFrom(
  ...['redis', 'rediss', 'redis+cluster', 'rediss+cluster', 'redis+sentinel', 'rediss+sentinel'],
  ...['redlock', 'redlocks', 'etcd', 'etcds', 'memory', 'http', 'REDIS', 'redis+', ''],
);
const login = fc.constantFrom(
  ...[
    '',
    '',
    `${SECRET}@`,
    `u:${SECRET}@`,
    `:${SECRET}@`,
    `u:${SECRET}%zz@`,
    `u:${SECRET}\n@`,
    `u:${SECRET}%00@`,
  ],
  ...[`u:${SECRET}:x@`, `u/:${SECRET}@`, `u?${SECRET}@`, `u#${SECRET}@`, `u@${SECRET}@`, `%ff:${SECRET}@`],
);
const host = fc.constantFrom(
  ...[
    '127.0.0.1',
    '[::1]',
    'h',
    'h:1',
    'h:0',
    'h:65535',
    'h:65536',
    'h:-1',
    'h:x',
    ':1',
    '',
    '[',
    '[::1',
    'a b',
  ],
  ...[
    'h,g',
    'h:1,g:2,f:3',
    'h,h',
    'h,',
    ',',
    '\0',
    'h\0',
    'ü',
    '%00',
    'x'.repeat(300),
    '1',
    '0x7f.1',
    '*',
    'h:1:2',
  ],
);
const path = fc.constantFrom(
  ...[
    '',
    '',
    '/',
    '/0',
    '/15',
    '/99999999999999999999',
    '/-1',
    '/x',
    '/0/0',
    '/master/0',
    '/m/x',
    '/%zz',
    '/ ',
    '//',
  ],
  ...[
    '?',
    '#',
    '?db=1',
    '?family=x',
    '?sentinels=x',
    '?Connector=x',
    '?scripts=x',
    '?replyMapping=resp3',
    '?tls=x#y',
  ],
);
const separator = fc.constantFrom('://', '://', '://', ':', ':/', '//', '');

const url = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(scheme, separator, login, host, path).map((parts) => parts.join('')) },
  // One character more, or one fewer.
  {
    weight: 2,
    arbitrary: fc
      .tuple(scheme, login, host, fc.nat(40), fc.string({ unit: 'binary', maxLength: 1 }), fc.nat(1))
      .map(([start, who, where, at, more, fewer]) => {
        const text = `${start}://${who}${where}`;
        return text.slice(0, at) + more + text.slice(at + fewer);
      }),
  },
);

/** Whether there is a password in it, which is what stands before the last "@". */
function hasSecret(text: unknown): boolean {
  return typeof text === 'string' && /S3CR3T.*@/s.test(text);
}

/** Any text as a URL, and anything else: a backend, or refused before a connection is made, and without telling a password. */
export function urlProperty(check: () => Promise<void>): fc.IAsyncProperty<unknown> {
  return fc.asyncProperty(url, fc.option(anyHostile, { freq: 5, nil: undefined }), async (text, hostile) => {
    using offline = new Offline();
    const value = hostile === undefined ? text : hostile.make();
    try {
      const backend = await backendFromUrl(value as string);
      await backend.close();
    } catch (error) {
      if (!(error instanceof LockArgumentError)) throw new Error(`no error of ours: ${inspect(error)}`);
      if (offline.connections > 0) throw new Error('a connection was made before it was refused');
      if (hasSecret(value) && inspect(error).includes(SECRET)) throw new Error(`tells: ${inspect(error)}`);
    }
    await check();
  });
}

/** Until it is disposed of, connections are counted instead of made. */
class Offline implements Disposable {
  connections = 0;
  readonly #connect = [Redis, Cluster].map(({ prototype }) => [prototype, prototype.connect] as const);

  constructor() {
    for (const [prototype] of this.#connect) {
      prototype.connect = () => {
        this.connections += 1;
        return new Promise<void>(() => {});
      };
    }
  }

  [Symbol.dispose](): void {
    for (const [prototype, connect] of this.#connect) prototype.connect = connect;
  }
}

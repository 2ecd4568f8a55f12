import fc from 'fast-check';

/** A value that nobody would pass on purpose. Made anew for each case, and shown by what it is: to print it may throw. */
export interface Hostile {
  readonly what: string;
  make(): unknown;
}

/** Whoever asks this object anything is told that. */
function trapped(target: object, ...traps: (keyof ProxyHandler<object>)[]): object {
  const fail = () => {
    throw new RangeError('trapped');
  };
  return new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, fail])));
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** An object all of whose properties of these names are getters. */
function withGetters(names: readonly string[], get: () => unknown): object {
  return Object.defineProperties(
    {},
    Object.fromEntries(names.map((name) => [name, { get, enumerable: true }])),
  );
}

/** The names of all options and fields that the library reads. */
const NAMES = [
  ...['group', 'capacity', 'units', 'signal', 'retries', 'backoff', 'release', 'ttl', 'maxHold', 'owner'],
  ...[
    'prefix',
    'clientName',
    'fenceRetention',
    'safetyNet',
    'commandTimeout',
    'replicas',
    'count',
    'timeout',
  ],
  ...[
    'quorum',
    'driftFactor',
    'space',
    'auth',
    'credentials',
    'username',
    'rootCertificate',
    'version',
    'name',
  ],
  ...[
    'length',
    'status',
    'options',
    'evalsha',
    'acquire',
    'clock',
    'kv',
    'on',
    'times',
    'client',
    'constructor',
  ],
];

const NUMBERS = [
  ...[0, -0, 1, -1, 2, 3, 4, 9, 10, 11, 1.5, 99, 100, 512, 1_000, 1_000_000, 1_000_001, 5e-324, 0.5, 0.51],
  ...[2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e308, -1e308],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];

const TEXTS = [
  ...[
    '',
    ' ',
    '\0',
    'a',
    'A-z.0_9',
    'a b',
    'a/b',
    '/',
    'a/',
    ':',
    '{',
    '}',
    '{}',
    '}{',
    '%',
    '%7D',
    '%25',
    '%zz',
  ],
  ...['10', '1e3', '0x10', '1000', ' 1000', 'NaN', 'Infinity', 'true', 'null', 'force', 'try', '-', 'read'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'denied',
    'expired',
    'acquire',
    '\r\n',
    '\n',
    '\u2028',
    '\ufeff',
  ],
  ...[
    '*1\r\n$4\r\nPING\r\n',
    '\u202e',
    'é',
    'e\u0301',
    '\ud83d\ude00',
    '\ud800',
    '\udfff',
    'a\udc00b',
    '\udc00\ud800',
  ],
  ...['x'.repeat(64), 'x'.repeat(65), 'x'.repeat(128), 'x'.repeat(129), 'x'.repeat(512), 'x'.repeat(513)],
  ...[
    'ü'.repeat(256),
    'ü'.repeat(257),
    '\ud83d\ude00'.repeat(128),
    '\ud83d\ude00'.repeat(129),
    'x'.repeat(1_000_000),
  ],
  ...[
    '[]',
    '{}',
    '"x"',
    '{"version":1}',
    '['.repeat(10_000),
    'memory:',
    'baton',
    `${'a'.repeat(509)}\ud83d\ude00`,
  ],
];

// biome-ignore lint/complexity/noStaticOnlyClass: only its name is wanted
class Nameless {
  static name = Symbol('x') as unknown as string;
}

const OTHERS: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  false: () => false,
  '10n': () => 10n,
  '1000n': () => 1_000n,
  'a BigInt of 300 digits': () => 10n ** 300n,
  'a symbol': () => Symbol('x'),
  'a symbol of many lines': () => Symbol('\n'.repeat(1_000)),
  'Symbol.iterator': () => Symbol.iterator,
  '{}': () => ({}),
  '[]': () => [],
  '[1000]': () => [1_000],
  '["a"]': () => ['a'],
  '["a", "a"]': () => ['a', 'a'],
  '1001 names': () => Array.from({ length: 1_001 }, (_, index) => `n${index}`),
  'an array of 2^32 - 1 holes': () => new Array(2 ** 32 - 1),
  'an array whose entries is a number': () =>
    Object.assign(['a'], { entries: 5, map: 5, [Symbol.iterator]: 5 }),
  'an array whose member is a getter that throws': () =>
    Object.defineProperty(['a'], 0, {
      get() {
        throw new RangeError('trapped');
      },
    }),
  'a Date': () => new Date(1_000),
  'a RegExp': () => /x/,
  'a Map': () => new Map([['ttl', 1_000]]),
  'a Number': () => new Number(1_000),
  'a String': () => new String('a'),
  'a Buffer': () => Buffer.from('a'),
  'a promise of 1000': () => Promise.resolve(1_000),
  'Object.create(null)': () => Object.create(null),
  // biome-ignore lint/suspicious/noThenProperty: a trap
  'a thenable': () => ({ then: (resolve: (value: number) => void) => resolve(1_000) }),
  'a thenable that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: a trap
    then() {
      throw new RangeError('trapped');
    },
  }),
  // biome-ignore lint/suspicious/noThenProperty: a trap
  'a thenable that never settles': () => ({ then() {} }),
  'an object with valueOf': () => ({ valueOf: () => 1_000 }),
  'an object with toString': () => ({ toString: () => 'a' }),
  'an object that cannot be a primitive': () => ({
    [Symbol.toPrimitive]() {
      throw new RangeError('trapped');
    },
  }),
  'an object whose toString throws': () => ({
    toString() {
      throw new RangeError('trapped');
    },
    toJSON() {
      throw new RangeError('trapped');
    },
  }),
  'getters that throw': () =>
    withGetters(NAMES, () => {
      throw new RangeError('trapped');
    }),
  'getters that change their minds': () => {
    let asked = 0;
    return withGetters(NAMES, () => (asked++ % 2 === 0 ? undefined : Symbol('changed')));
  },
  'a proxy that traps get': () => trapped({}, 'get'),
  'a proxy that traps has': () => trapped({}, 'has', 'ownKeys', 'getOwnPropertyDescriptor'),
  'a proxy that traps getPrototypeOf': () => trapped({}, 'getPrototypeOf'),
  'a proxy of an array that traps get': () => trapped(['a'], 'get'),
  'a proxy of a function': () => new Proxy(() => 1, {}),
  'a revoked proxy': () => revoked({}),
  'a revoked proxy of an array': () => revoked([]),
  'a revoked proxy of a function': () => revoked(() => {}),
  'a function': () => () => 1,
  'an async function': () => async () => 1,
  'a function that throws': () => () => {
    throw new RangeError('thrown');
  },
  'a class': () => class {},
  'an instance of a class without a name': () => new (class {})(),
  'an instance of a class whose name is a symbol': () => new Nameless(),
  'an object whose constructor is a number': () => ({ constructor: 5 }),
  'an error': () => new TypeError('x'),
  'an error whose message is no text': () => Object.assign(new Error('x'), { message: 5, stack: 5 }),
  'a signal': () => new AbortController().signal,
  'an aborted signal': () => AbortSignal.abort('x'),
  'a controller': () => new AbortController(),
  'the prototype of signals': () => AbortSignal.prototype,
  'an object with the prototype of signals': () => Object.create(AbortSignal.prototype),
  'a revoked proxy of a signal': () => revoked(new AbortController().signal),
  'what looks like a signal': () => ({ aborted: false, addEventListener() {}, removeEventListener() {} }),
  'an event target': () => new EventTarget(),
  globalThis: () => globalThis,
};

const CRAFTED: readonly Hostile[] = [
  ...[...NUMBERS, ...TEXTS].map((value) => hostile(show(value), () => value)),
  ...Object.entries(OTHERS).map(([what, make]) => hostile(what, make)),
];

function hostile(what: string, make: () => unknown): Hostile & fc.WithToStringMethod {
  return { what, make, [fc.toStringMethod]: () => what };
}

/** As short as will do to know it again. */
export function show(value: unknown): string {
  try {
    const text = Object.is(value, -0) ? '-0' : fc.stringify(value);
    return text.length > 100 ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
  } catch {
    return 'something that cannot be shown';
  }
}

const ANYTHING = fc
  .anything({
    maxDepth: 2,
    maxKeys: 4,
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  })
  .map((value) => ({
    // Most are never shown, and to do so takes longer than to make one.
    get what() {
      return show(value);
    },
    make: () => value,
    [fc.toStringMethod]: () => show(value),
  }));

/** Any JavaScript value, those that are nearly right and those that are traps among them. */
export const anyHostile: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...CRAFTED) },
  { weight: 1, arbitrary: ANYTHING },
  { weight: 1, arbitrary: fc.integer().map((value) => hostile(show(value), () => value)) },
  { weight: 1, arbitrary: fc.double().map((value) => hostile(show(value), () => value)) },
);

/** Texts that mean something where they should not, that are too long, or that are none in UTF-8. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string({
    unit: fc.constantFrom('{', '}', '%', '7', 'D', '2', '5', '/', ':', '\0', 'a', '\ud83d\ude00'),
    maxLength: 12,
  }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', 'a', '}'), maxLength: 6 }),
);

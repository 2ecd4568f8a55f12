import fc from 'fast-check';
import type { Clock } from '../../src/core/clock.ts';
import type { Sent } from './fake-redis.ts';
import { consent, refusal } from './honest.ts';
import { show } from './values.ts';

/** What comes of one command: after how long, and a reply, an error, or nothing at all. */
export interface Lie {
  readonly afterMs: number;
  readonly what: string;
  /** Undefined for silence. */
  tell?(sent: Sent, clock: Clock): unknown;
  readonly fails?: boolean;
}

/** In the place of what is an integer of 1 to 17 digits. */
export const NUMBERS = [
  ...[
    '0',
    '-1',
    '1',
    '2',
    '3',
    '10',
    '50',
    '1000',
    '007',
    '-0',
    '+1',
    '1.5',
    '1e3',
    '1e400',
    '0x10',
    ' 7',
    '٣',
    '',
  ],
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    'nil',
    'null',
    'try',
    'force',
    '2147483648',
    '1763000000000000',
    '1763000000000',
  ],
  ...['9007199254740991', '9007199254740992', '9999999999999999', '99999999999999999', '1'.repeat(400)],
];
export const OWNERS = [
  ...[
    'liar.test:1:50',
    'liar.test:2:100',
    'liar.test:1:50:1',
    'other.1.ab:1:50',
    'liar.test:zz:50',
    ':::',
    '-',
    '',
  ],
  ...[
    'liar.test:1:',
    'liar.test:1:NaN',
    'liar.test:1:9007199254740993',
    'liar.test',
    'x'.repeat(5_000),
    '\0',
    'ü:1:50',
  ],
];
const number = fc.constantFrom(...NUMBERS);
const owner = fc.constantFrom(...OWNERS);

function template(parts: TemplateStringsArray, ...holes: fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc
    .tuple(...holes)
    .map((values) => parts.map((part, index) => part + (values[index] ?? '')).join(''));
}

const fence = fc.oneof(fc.constantFrom('1763000000000000', '9999999999999999', '0000000000000000'), number);
/** The first is not long after the server's time. */
const leaseEnd = fc.oneof(fc.constantFrom('1763001000900', '0000000000000', '9999999999999'), number);

/** What a state may look like: that of a mutex, of a sole share, of shares. */
const record = fc.oneof(
  number,
  template`${fence}${fc.constantFrom(' ', 'q', 'w', 'o', 's', 'z')}${leaseEnd} ${owner}`,
  template`${fence}w${leaseEnd}+${owner}`,
  template`${fence}o${leaseEnd} ${number} ${number} ${owner}`,
  template`${fence}s${number} 1 1 1 1 ${owner} ${leaseEnd} ${fence} ${number}`,
);

/** Texts that are nearly what some script says. */
export const text: fc.Arbitrary<string> = fc.oneof(
  template`granted ${number} ${number}`,
  template`granted ${number} ${number} lost`,
  template`granted 1763000000000000 ${number}${fc.constantFrom('', ' lost', ' x')}`,
  template`queued ${number} ${number} ${number}`,
  template`queued ${number} 1763000000000000 1763000000000000${fc.constantFrom('', ' lost', ' x')}`,
  template`queued 1763000050000 ${number} ${number}`,
  template`capacity ${number}`,
  template`held ${number} ${owner}`,
  template`behind ${number}`,
  template`${number} ${number} ${number}`,
  template`1763000000000000 ${number} ${record}`,
  number,
  fc.constantFrom(
    'more',
    'more ',
    'shares',
    'stale',
    'granted',
    'queued 1',
    'granted \n',
    '\0',
    'OK',
    'x'.repeat(100_000),
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: text },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown[]>(
      ...[0, 1, 2, 3, 4, -1, -0, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e300, 1_763_000_000_000_000],
      ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, null, undefined, true, false, 5n],
      ...[[], [null], [[[]]], [1], ['granted'], {}, new Map(), Buffer.from('more'), new Error('nested')],
      ...[Object.create(null), [Object.create(null)], Object.assign(Object.create(null), { a: [null] })],
    ),
  },
  { weight: 1, arbitrary: fc.anything({ maxDepth: 2, maxKeys: 3, withNullPrototype: true }) },
);

const CODES = [
  ...[
    'ERR x',
    'WRONGTYPE x',
    'NOAUTH x',
    'NOPERM x',
    'READONLY x',
    'LOADING x',
    'BUSY x',
    'OOM x',
    'MISCONF x',
  ],
  ...[
    'CLUSTERDOWN x',
    'MOVED 1 127.0.0.1:1',
    'ASK 1 h',
    'TRYAGAIN',
    'NOSCRIPT x',
    'BATONDENIED x',
    'BATONFOREIGN x',
  ],
  ...[
    'BATONOLD x',
    'NOREPLICAS x',
    'ERR unknown command',
    "ERR unknown command 'ssubscribe'",
    '',
    ' ',
    '\0',
    '-',
  ],
];

/** What the server says is wrong. */
const replyError = fc
  .oneof(fc.constantFrom(...CODES), text)
  .map((message) => Object.assign(new Error(message), { name: 'ReplyError', command: { name: 'evalsha' } }));

/** What else may be rejected with. */
const otherError = fc.constantFrom<unknown[]>(
  new Error('read ECONNRESET'),
  Object.assign(new Error(''), { code: 'ECONNREFUSED' }),
  Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }),
  Object.assign(new Error('x'), { code: Symbol('x') }),
  Object.assign(new Error('x'), { code: Object.create(null) }),
  Object.assign(new Error('x'), { name: 5, stack: null }),
  new AggregateError([], ''),
  ...[
    'a text',
    '',
    5,
    0,
    null,
    undefined,
    true,
    false,
    5n,
    Symbol('x'),
    {},
    [],
    Object.create(null),
    () => {},
  ],
);

const afterMs = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 2) },
  { weight: 1, arbitrary: fc.constantFrom(10, 40, 60, 120, 300) },
);

function lie(what: string, tell: Lie['tell'] & {}, fails = false): Omit<Lie, 'afterMs'> {
  return { what, tell, fails };
}

const silence: Omit<Lie, 'afterMs'> = { what: 'silence' };

/** Yes to all but one question, to which there is always the same answer: what never ends would not show otherwise. */
const stubborn = fc
  .tuple(
    fc.constantFrom(
      'acquire',
      'acquireShare',
      'release',
      'releaseShare',
      'downgrade',
      'refresh',
      'adopt',
      'count',
    ),
    fc.constantFrom(null, 'more', 0, 1, 2, 3, -1, '', 'shares', 'stale', 'granted 1763000001000000 1'),
  )
  .map(([question, reply]) => {
    return lie(`yes, but ${show(reply)} to ${question}`, ({ kind, args }, clock) => {
      return kind === question ? reply : consent(kind, args, clock);
    });
  });

/** Honest answers are among them, or no lie would get far. */
export const anyLie: fc.Arbitrary<Lie> = fc
  .tuple(
    afterMs,
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constant(lie('yes', ({ kind, args }, clock) => consent(kind, args, clock))),
      },
      { weight: 4, arbitrary: fc.constant(lie('no', ({ kind, args }, clock) => refusal(kind, args, clock))) },
      { weight: 8, arbitrary: value.map((reply) => lie(show(reply), () => reply)) },
      { weight: 3, arbitrary: stubborn },
      { weight: 2, arbitrary: replyError.map((error) => lie(`-${show(error.message)}`, () => error, true)) },
      {
        weight: 1,
        arbitrary: otherError.map((error) => lie(`rejects with ${show(error)}`, () => error, true)),
      },
      { weight: 1, arbitrary: fc.constant(silence) },
    ),
  )
  .map(([delay, told]) => ({
    afterMs: delay,
    ...told,
    [fc.toStringMethod]: () => `${told.what} after ${delay} ms`,
  }));

interface Heard {
  readonly owner: string;
  readonly record: string;
}

type Message = (heard: Heard) => string;

/** A text on a channel, unasked; `owner` and `record` stand for those that were last heard of. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('1763000000000000', '1763001000050000', ...NUMBERS), fc.option(owner), number)
      .map(([fence, stranger, time]) => {
        const us = time.length === 16 ? time : '1763001000000500';
        return ({ owner: last, record: key }: Heard) => `granted ${stranger ?? last} ${fence} ${us} ${key}`;
      }),
  },
  {
    weight: 1,
    arbitrary: fc.option(owner).map(
      (stranger) =>
        ({ owner: last }: Heard) =>
          `forced ${stranger ?? last}`,
    ),
  },
  {
    weight: 1,
    arbitrary:
      template`granted ${owner} ${number} ${number} ${fc.constantFrom('baton:{x}', 'baton:{', 'b', '')}`.map(
        (said) => () => said,
      ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('1763001000000500 0', '1763001000000500 -1').map((said) => () => said),
  },
  { weight: 2, arbitrary: text.map((said) => () => said) },
);

import fc from 'fast-check';
import { NUMBERS, text } from './lies.ts';

/** What a server writes in the place of one reply, and what it does after that. */
export interface WireLie {
  readonly bytes: Buffer;
  readonly ending: 'nothing' | 'end' | 'reset';
  /** In how many pieces. */
  readonly pieces: number;
}

const CRLF = '\r\n';
const line = fc.string({ unit: fc.constantFrom('a', ' ', '1', '-', ':', 'ü', '\0'), maxLength: 10 });
const number = fc.constantFrom(...NUMBERS.filter((each) => each.length < 30));

function bulk(kind: string, content: string): string {
  return `${kind}${Buffer.byteLength(content)}${CRLF}${content}${CRLF}`;
}

/** Any reply of RESP 2 or 3, well-formed but for numbers that are none. */
const reply = fc.letrec<{ value: string; list: string[] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text.filter((each) => each.length < 1_000).map((each) => bulk('$', each)),
    line.map((each) => `+${each}${CRLF}`),
    line.map((each) => `-${each}${CRLF}`),
    fc
      .constantFrom('ERR x', 'NOSCRIPT x', 'LOADING x', 'MOVED 1 127.0.0.1:1', 'NOAUTH x')
      .map((each) => `-${each}${CRLF}`),
    number.map((each) => `:${each}${CRLF}`),
    fc
      .constantFrom('$-1', '*-1', '*0', '_', '#t', '#f', '#x', '$0', '$-2', '*-2', '%0', '~0', '>0')
      .map((each) => each + CRLF),
    number.map((each) => `,${each}${CRLF}`),
    number.map((each) => `(${each}${CRLF}`),
    line.map((each) => bulk('=', `txt:${each}`)),
    line.map((each) => bulk('!', `ERR ${each}`)),
    tie('list').map((list) => `*${list.length}${CRLF}${list.join('')}`),
    tie('list').map((list) => `~${list.length}${CRLF}${list.join('')}`),
    tie('list').map((list) => `>${list.length}${CRLF}${list.join('')}`),
    tie('list').map(
      (list) => `%${Math.floor(list.length / 2)}${CRLF}${list.slice(list.length % 2).join('')}`,
    ),
    tie('list').map((list) => `|1${CRLF}+a${CRLF}+b${CRLF}${list[0] ?? `:1${CRLF}`}`),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
})).value;

/** Lengths that are not so, ends that never come, and what is no RESP at all. */
const broken = fc.constantFrom(
  ...[
    '$5\r\nabc',
    '$1000\r\nx',
    '*3\r\n:1\r\n',
    '*1000000\r\n',
    '$x\r\n',
    '*x\r\n',
    ':\r\n',
    '\r\n',
    '\n',
    '$',
    '*',
  ],
  ...[
    '$99999999999\r\n',
    '*99999999999\r\n',
    '%99999999999\r\n',
    '$?\r\n;4\r\nabcd\r\n;0\r\n',
    '*?\r\n:1\r\n.\r\n',
  ],
  ...[
    `${'*1\r\n'.repeat(200)}:1\r\n`,
    'HTTP/1.1 400 Bad Request\r\n\r\n<html>',
    '>1\r\n$-1\r\n',
    '>3\r\n+smessage\r\n_\r\n_\r\n',
  ],
  ...[
    '>2\r\n+sunsubscribe\r\n+x\r\n',
    '*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\nb\r\n',
    '=3\r\nabc\r\n',
    '!0\r\n\r\n',
  ],
);

const bytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: reply.map((each) => Buffer.from(each)) },
  // Truncated, or with one byte that is another.
  {
    weight: 2,
    arbitrary: fc.tuple(reply, fc.nat(200)).map(([each, end]) => Buffer.from(each).subarray(0, end)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(reply, fc.nat(200), fc.nat(255)).map(([each, place, byte]) => {
      const changed = Buffer.from(each);
      changed[place % changed.length] = byte;
      return changed;
    }),
  },
  { weight: 2, arbitrary: broken.map((each) => Buffer.from(each)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((each) => Buffer.from(each)) },
);

/** Any bytes. */
export const anyWireLie: fc.Arbitrary<WireLie> = fc
  .record({
    bytes,
    ending: fc.oneof(
      { weight: 6, arbitrary: fc.constant('nothing' as const) },
      { weight: 1, arbitrary: fc.constantFrom('end' as const, 'reset' as const) },
    ),
    pieces: fc.constantFrom(1, 1, 2, 5),
  })
  .map((lie) => ({
    ...lie,
    [fc.toStringMethod]: () =>
      `${JSON.stringify(lie.bytes.toString('latin1'))} in ${lie.pieces}, then ${lie.ending}`,
  }));

import { describe, expect, it } from 'vitest';
import {
  CounterExpiredError,
  CounterOverflowError,
  LockArgumentError,
  LockBackendError,
  LockClosedError,
  LockError,
  LockLostError,
  LockTimeoutError,
  QuorumError,
} from '../../src/index.ts';

const cause = new Error('connect ECONNREFUSED');

const ERRORS = [
  { error: new LockArgumentError('ttl', 5, 'at least 10'), code: 'ERR_LOCK_ARGUMENT', lockName: undefined },
  { error: new LockTimeoutError('orders:42', 3_000.4), code: 'ERR_LOCK_TIMEOUT', lockName: 'orders:42' },
  { error: new LockLostError('orders:42', 'forced'), code: 'ERR_LOCK_LOST', lockName: 'orders:42' },
  {
    error: new LockBackendError(
      'no answer',
      { reason: 'unavailable', retryable: true },
      { cause, lockName: 'orders:42' },
    ),
    code: 'ERR_LOCK_BACKEND',
    lockName: 'orders:42',
  },
  {
    error: new QuorumError([{ server: 'a:6379', error: cause }], 2, 3, 'orders:42'),
    code: 'ERR_LOCK_QUORUM',
    lockName: 'orders:42',
  },
  { error: new CounterExpiredError('orders:42'), code: 'ERR_COUNTER_EXPIRED', lockName: 'orders:42' },
  {
    error: new CounterOverflowError('orders:42', -1, 5),
    code: 'ERR_COUNTER_OVERFLOW',
    lockName: 'orders:42',
  },
  { error: new LockClosedError('closed', 'orders:42'), code: 'ERR_LOCK_CLOSED', lockName: 'orders:42' },
];

describe('every error', () => {
  it.each(ERRORS)('$code tells what it is by code, class and lock name', ({ error, code, lockName }) => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(LockError);
    expect(error.code).toBe(code);
    expect(error.lockName).toBe(lockName);
    expect(error.name).toBe(error.constructor.name);
    expect(String(error)).toBe(`${error.constructor.name}: ${error.message}`);
    expect(error.stack).toContain('errors.test.ts');
  });

  it('has a code of its own, and is an instance of no other class but those it extends', () => {
    expect(new Set(ERRORS.map(({ code }) => code)).size).toBe(ERRORS.length);
    for (const { error } of ERRORS) {
      const classes = ERRORS.filter((other) => error instanceof other.error.constructor);
      const base = error instanceof QuorumError ? ['ERR_LOCK_BACKEND'] : [];
      expect(classes.map(({ code }) => code)).toEqual([...base, error.code]);
    }
  });
});

describe('an error carries', () => {
  it('the argument and the value that was refused', () => {
    const error = new LockArgumentError('ttl', '1e3', 'an integer');
    expect(error).toMatchObject({ argument: 'ttl', value: '1e3' });
    expect(error.message).toBe('ttl must be an integer, got "1e3"');
  });

  it('how long the caller waited', () => {
    const error = new LockTimeoutError('orders:42', 3_000.4);
    expect(error.waited).toBe(3_000.4);
    expect(error.message).toBe('lock "orders:42" was not granted within 3000 ms');
  });

  it.each(['expired', 'taken', 'forced'] as const)('why the lease was lost: %s', (reason) => {
    const error = new LockLostError('orders:42', reason);
    expect(error.reason).toBe(reason);
    expect(error.message).toMatch(/^lock "orders:42" was lost: \w{3}/);
    expect(error.message).not.toContain('undefined');
  });

  it('the fault of the server, and its cause', () => {
    const error = new LockBackendError('x', { reason: 'denied', retryable: false }, { cause });
    expect(error).toMatchObject({ reason: 'denied', retryable: false, cause, lockName: undefined });
    const bare = new LockBackendError('x', { reason: 'failed', retryable: true });
    expect(bare).toMatchObject({ reason: 'failed', retryable: true });
    expect('cause' in bare).toBe(false);
  });
});

describe('a missing quorum', () => {
  const denied = new LockBackendError('denied', { reason: 'denied', retryable: false });
  const errors = [
    { server: 'a:1', error: denied },
    { server: 'b:2', error: cause },
  ];

  it('names each server that failed, and why', () => {
    const error = new QuorumError(errors, 2, 3, 'orders:42');
    expect(error).toMatchObject({ errors, cause: denied, reason: 'unavailable', retryable: true });
    expect(error.message).toBe(
      'fewer than 2 of 3 servers could be asked: a:1: denied; b:2: connect ECONNREFUSED',
    );
  });

  it('lasts when what lasts is enough to prevent it', () => {
    const lasting = new QuorumError([...errors, { server: 'c:3', error: denied }], 2, 3, 'orders:42');
    expect(lasting).toMatchObject({ reason: 'denied', retryable: false });
  });
});

describe('a refused value stands in the message', () => {
  function quoted(value: unknown): string {
    return new LockArgumentError('x', value, 'y').message.replace('x must be y, got ', '');
  }

  it.each([
    ['a\nb\u0000"c"\\', '"a\\nb\\u0000\\"c\\"\\\\"'],
    ['\u001b[31mred', '"\\u001b[31mred"'],
    ['\ud800', '"\\ud800"'],
    ['', '""'],
  ])('quoted and escaped if it is a string: %j', (value, expected) => {
    expect(quoted(value)).toBe(expected);
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [Number.NaN, 'NaN'],
    [-1.5, '-1.5'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [5n, '5'],
    [true, 'true'],
    [Symbol('secret'), 'Symbol(secret)'],
    [() => 1, 'a function'],
  ])('as it is written: %s', (value, expected) => {
    expect(quoted(value)).toBe(expected);
  });

  it.each([
    [{}, 'an instance of Object'],
    [[1, 2], 'an instance of Array'],
    [new Map(), 'an instance of Map'],
    [Object.create(null), 'an instance of Object'],
    [Object.create({ constructor: 'evil' }), 'an instance of Object'],
  ])('by its class if it is an object, whose content may be secret or hostile', (value, expected) => {
    expect(quoted(value)).toBe(expected);
  });

  it('asks an object for nothing', () => {
    const hostile = {
      get [Symbol.toStringTag](): string {
        throw new Error('asked');
      },
      toString(): string {
        throw new Error('asked');
      },
    };
    expect(quoted(hostile)).toBe('an instance of Object');
  });

  it('short, with its length, if it is long', () => {
    const message = quoted('x'.repeat(100_000));
    expect(message.length).toBeLessThan(110);
    expect(message).toMatch(/^"x+…" \(100000 characters\)$/);
    for (const shift of ['', 'x']) {
      // Never cut through the middle of a character.
      expect(quoted(shift + '😀'.repeat(100))).not.toMatch(/\p{Surrogate}/u);
    }
    expect(quoted('x'.repeat(78))).toBe(`"${'x'.repeat(78)}"`);
  });

  it('as does the name of a lock', () => {
    expect(new LockLostError('a\nb', 'taken').message).toContain('lock "a\\nb" was lost');
    expect(new LockTimeoutError('a\nb', 1).message).toContain('lock "a\\nb" was not');
  });
});

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  LockArgumentError,
  LockClient,
  LockCreator,
  memoryBackend,
  type TryOptions,
  type WaitOptions,
} from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ScriptedBackend } from './scripted-backend.ts';

const LONGEST = 2_147_483_647;
const TTL_BOUNDS = `an integer of 10 … ${LONGEST} ms`;
const WAIT_BOUNDS = `a number of 0 … ${LONGEST} ms, or Infinity`;
const OPTIONS_BOUNDS = 'an object or undefined';

let clock: ManualClock;
let backend: ScriptedBackend;
let creator: LockCreator;

beforeEach(() => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  creator = new LockCreator('orders:42', backend);
});

/** Any value at all, with those that are nearly right among them. */
function valuesBut(accepted: (value: unknown) => boolean): fc.Arbitrary<unknown> {
  const near = fc.constantFrom<unknown[]>(
    0,
    -0,
    -1,
    9,
    10,
    1.5,
    LONGEST,
    LONGEST + 1,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    '1e3',
    '1000',
    '',
    1_000n,
    null,
    [1_000],
    new Date(1_000),
  );
  const all = fc.oneof(near, fc.integer(), fc.double(), fc.anything({ withBigInt: true, withDate: true }));
  return all.filter((value) => !accepted(value));
}

async function expectRefused(
  outcome: unknown,
  refused: { argument: string; value: unknown; bounds: string },
  callsBefore: readonly string[] = [],
): Promise<void> {
  const error = await Promise.resolve(outcome).then(
    () => new Error('accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LockArgumentError);
  const { argument, value, message, code } = error as LockArgumentError;
  expect({ argument, code }).toEqual({ argument: refused.argument, code: 'ERR_LOCK_ARGUMENT' });
  expect(Object.is(value, refused.value)).toBe(true);
  expect(message.startsWith(`${refused.argument} must be ${refused.bounds}, got `)).toBe(true);
  if (typeof value === 'number') expect(message.endsWith(`got ${value}`)).toBe(true);
  expect(backend.calls).toEqual(callsBefore);
}

/** For what throws instead of rejecting. */
function attempt(call: () => unknown): Promise<unknown> {
  return new Promise((resolve) => resolve(call()));
}

describe('row 43: the TTL', () => {
  const accepted = (value: unknown): boolean =>
    typeof value === 'number' && Number.isInteger(value) && value >= 10 && value <= LONGEST;

  it.each([
    0,
    -1,
    1.5,
    Number.NaN,
    '1e3',
    2 ** 53,
    9,
    LONGEST + 1,
    Number.POSITIVE_INFINITY,
    undefined,
    null,
  ])('must not be %s', async (value) => {
    const refused = { argument: 'ttl', value, bounds: TTL_BOUNDS };
    await expectRefused(creator.acquire(value as number), refused);
    await expectRefused(creator.tryAcquire(value as number), refused);
    await expectRefused(
      creator.using(value as number, 0, () => 1),
      refused,
    );
  });

  it('is refused in every call, before anything is sent, unless it is an integer in bounds', async () => {
    const calls = [
      (ttl: number) => creator.acquire(ttl),
      (ttl: number) => creator.acquire(ttl, 0),
      (ttl: number) => creator.tryAcquire(ttl),
      (ttl: number) => creator.tryAcquire(ttl, { retries: 2 }),
      (ttl: number) => creator.using(ttl, 100, () => 1),
    ];
    await fc.assert(
      fc.asyncProperty(valuesBut(accepted), fc.constantFrom(...calls), async (value, call) => {
        await expectRefused(call(value as number), { argument: 'ttl', value, bounds: TTL_BOUNDS });
      }),
    );
  });

  it('is refused in a refresh, too, which then changes nothing', async () => {
    const lock = await creator.acquire(1_000);
    const { remaining } = lock;
    const values = valuesBut((value) => value === undefined || accepted(value));
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const refused = { argument: 'ttl', value, bounds: TTL_BOUNDS };
        await expectRefused(lock.refresh(value as number), refused, ['acquire']);
      }),
    );
    expect(lock.remaining).toBe(remaining);
    expect(lock.ttl).toBe(1_000);
  });

  it('may be anything in bounds', async () => {
    const ttls = fc.oneof(fc.constantFrom(10, LONGEST), fc.integer({ min: 10, max: LONGEST }));
    await fc.assert(
      fc.asyncProperty(ttls, async (ttl) => {
        const lock = await creator.acquire(ttl);
        expect(lock.ttl).toBe(ttl);
        expect(lock.remaining).toBeGreaterThan(0);
        await lock.release();
      }),
    );
  });
});

describe('row 42: the wait timeout', () => {
  const accepted = (value: unknown): boolean =>
    value === undefined ||
    value === Number.POSITIVE_INFINITY ||
    (typeof value === 'number' && value >= 0 && value <= LONGEST);

  it.each([-1, -0.001, Number.NaN, Number.NEGATIVE_INFINITY, LONGEST + 1, 2 ** 53, '0', '', null, false])(
    'must not be %s',
    async (value) => {
      const refused = { argument: 'waitTimeout', value, bounds: WAIT_BOUNDS };
      await expectRefused(creator.acquire(1_000, value as number), refused);
      await expectRefused(
        creator.using(1_000, value as number, () => 1),
        refused,
      );
    },
  );

  it('is refused before anything is sent, unless it is a number in bounds or Infinity', async () => {
    await fc.assert(
      fc.asyncProperty(valuesBut(accepted), async (value) => {
        const refused = { argument: 'waitTimeout', value, bounds: WAIT_BOUNDS };
        await expectRefused(creator.acquire(1_000, value as number), refused);
      }),
    );
  });

  it('is kept to the millisecond whatever it is, also if it is not a whole one', async () => {
    const holder = await new LockCreator('orders:42', backend).acquire(LONGEST);
    const timeouts = fc.oneof(
      fc.constantFrom(1, 0.5, LONGEST - 1_000_000_000),
      fc.double({ min: 0.001, max: 1_000_000, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(timeouts, async (timeout) => {
        const askedAt = clock.now();
        let endedAt: number | undefined;
        const waiting = creator.acquire(1_000, timeout).catch((error: unknown) => {
          endedAt = clock.now();
          return error;
        });
        await clock.advance(timeout + 1);
        expect(await waiting).toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
        expect(endedAt).toBe(askedAt + timeout);
        await holder.refresh();
      }),
      { numRuns: 30 },
    );
    await holder.release();
    expect(clock.pending).toBe(0);
  });

  it.each([0, -0])('of %s is one try, without a place in line or a timer', async (timeout) => {
    const lock = await creator.acquire(1_000, timeout);
    await expect(creator.acquire(1_000, timeout)).rejects.toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
      lockName: 'orders:42',
      waited: 0,
    });
    expect(backend.calls).toEqual(['tryAcquire', 'tryAcquire']);
    expect(clock.pending).toBe(0);
    await lock.release();
  });

  it('of Infinity, also by default, is no timer', async () => {
    const lock = await creator.acquire(LONGEST);
    const waiting = [creator.acquire(1_000), creator.acquire(1_000, Number.POSITIVE_INFINITY)];
    await clock.advance(0);
    // One for both: the end of the holder's lease.
    expect(clock.pending).toBe(1);
    await clock.advance(LONGEST / 2);
    await lock.release();
    for (const granted of waiting) await (await granted).release();
    expect(clock.pending).toBe(0);
  });
});

describe('options', () => {
  it.each([5, 0, '', 'x', null, false, true, () => {}, new AbortController().signal])(
    'must not be %s: a typo must not be taken for no options',
    async (value) => {
      const refused = { argument: 'options', value, bounds: OPTIONS_BOUNDS };
      const options = value as unknown as object;
      await expectRefused(creator.acquire(1_000, 0, options), refused);
      await expectRefused(creator.tryAcquire(1_000, options), refused);
      await expectRefused(
        creator.using(1_000, 0, () => 1, options),
        refused,
      );
      await expectRefused(
        attempt(() => creator.watch(options)),
        refused,
      );
      await expectRefused(creator.close(options), refused);
      await expectRefused(new LockClient(backend).close(options), refused);
      await expectRefused(
        attempt(() => new LockCreator('x', backend, options)),
        refused,
      );
    },
  );

  it.each([5, 'x', null])('of a memory backend must not be %s either', async (value) => {
    const make = attempt(() => memoryBackend(value as unknown as object));
    await expectRefused(make, { argument: 'options', value, bounds: OPTIONS_BOUNDS });
  });

  it.each([null, 5, 'x', {}, { aborted: true }, new AbortController()])(
    'a signal must not be %o',
    async (value) => {
      const refused = { argument: 'signal', value, bounds: 'an AbortSignal or undefined' };
      const options = { signal: value } as unknown as WaitOptions;
      await expectRefused(creator.acquire(1_000, 0, options), refused);
      await expectRefused(creator.tryAcquire(1_000, options), refused);
      await expectRefused(
        creator.using(1_000, 0, () => 1, options),
        refused,
      );
      await expectRefused(
        attempt(() => creator.watch(options)),
        refused,
      );
    },
  );

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1_000_001, '3', null])(
    'retries must not be %s',
    async (value) => {
      const refused = { argument: 'retries', value, bounds: 'an integer of 0 … 1000000' };
      await expectRefused(creator.tryAcquire(1_000, { retries: value } as TryOptions), refused);
    },
  );

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '100', null])(
    'backoff must not be %s, whether there are retries or not',
    async (value) => {
      const refused = { argument: 'backoff', value, bounds: `an integer of 1 … ${LONGEST} ms` };
      await expectRefused(creator.tryAcquire(1_000, { backoff: value } as TryOptions), refused);
    },
  );

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '100', null])(
    'maxHold must not be %s, and nothing is refreshed then',
    async (value) => {
      const lock = await creator.acquire(1_000);
      const refused = { argument: 'maxHold', value, bounds: `an integer of 1 … ${LONGEST} ms` };
      const start = attempt(() => lock.autoRefresh({ maxHold: value as number }));
      await expectRefused(start, refused, ['acquire']);
      expect(clock.pending).toBe(0);
      const bare = attempt(() => lock.autoRefresh(value as unknown as object));
      if (value !== null && typeof value !== 'object') {
        await expectRefused(bare, { argument: 'options', value, bounds: OPTIONS_BOUNDS }, ['acquire']);
      } else await expect(bare).rejects.toThrow(LockArgumentError);
    },
  );

  it.each([undefined, null, 5, 'x', {}, Promise.resolve()])(
    'a task must not be %s, and no lock is taken for it',
    async (value) => {
      const refused = { argument: 'task', value, bounds: 'a function' };
      await expectRefused(creator.using(1_000, 0, value as unknown as () => void), refused);
    },
  );

  it.each(['', 'a b', 'a:b', 'ü', 'x'.repeat(65), '\n', 5, null])(
    'a client name must not be %j',
    async (value) => {
      const make = attempt(() => memoryBackend({ clientName: value as string }));
      const bounds = '1 to 64 letters, digits, ".", "_" or "-"';
      await expectRefused(make, { argument: 'clientName', value, bounds });
    },
  );

  it('show a good client name in inspections', async () => {
    const named = memoryBackend({ clientName: 'worker-7.a_b' });
    const lock = await new LockCreator('x', named).acquire(1_000);
    const { holders } = await new LockCreator('x', named).inspect();
    expect(holders.map((holder) => holder.client)).toEqual([
      expect.stringMatching(/^worker-7\.a_b\.\d+\.[0-9a-f]{12}$/),
    ]);
    await lock.release();
  });
});

import { describe, expect, it } from 'vitest';
import {
  type Counter,
  CounterExpiredError,
  CounterOverflowError,
  LockClosedError,
  LockTimeoutError,
} from '../../src/index.ts';
import { ENGINES } from '../conformance/engines.ts';
import { until } from '../support/wait.ts';
import { engineStage } from './engine-stage.ts';

const TTL = 60_000;
const MOST = Number.MAX_SAFE_INTEGER;

/** How a promise is settled, without an unhandled rejection on the way. */
function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'reached',
    (error: unknown) => error,
  );
}

/** Gives those who wait time to be seen; whichever way that falls out, they have to be told the same. */
async function seen(counter: Counter): Promise<void> {
  for (let round = 0; round < 3; round++) await counter.get();
}

describe.each(ENGINES.filter(({ folder }) => folder === 'memory' || folder === 'redis'))(
  'a counter: $title',
  (engine) => {
    const stage = engineStage(engine);
    const counter = (ttl = TTL, client = stage.client()) => client.counter(stage.name, { ttl });

    it('counts up and down, the same for all clients, and never below 0', async () => {
      const [one, other] = [counter(), counter()];
      await one.set(5);
      expect(await other.decrement()).toBe(4);
      expect(await one.increment(3)).toBe(7);
      expect(await other.decrement(5)).toBe(2);
      expect([await one.get(), await one.isLocked()]).toEqual([2, true]);
      expect(await one.decrement(10)).toBe(0);
      expect(await other.decrement()).toBe(0);
      expect([await other.get(), await other.isLocked()]).toEqual([0, false]);
      await other.set(MOST);
      expect([await one.get(), await one.decrement(MOST - 1)]).toEqual([MOST, 1]);
    });

    it('is −1 when it is not there; only a change can bring it into being', async () => {
      const [one, other] = [counter(), counter()];
      expect([await one.get(), await one.isLocked(), await one.delete()]).toEqual([-1, false, false]);
      await expect(one.decrement()).rejects.toThrow(CounterExpiredError);
      await expect(one.decrement(0)).rejects.toMatchObject({
        code: 'ERR_COUNTER_EXPIRED',
        lockName: stage.name,
      });
      expect(await one.get()).toBe(-1);
      expect(await one.increment(2)).toBe(2);
      expect([await other.delete(), await other.delete(), await one.get()]).toEqual([true, false, -1]);
    });

    it('keeps the order of calls that nobody has awaited, and answers each for itself', async () => {
      const one = counter();
      const answers = await Promise.allSettled([
        one.decrement(),
        one.set(3),
        one.decrement(),
        one.decrement(),
        one.get(),
        one.decrement(5),
        one.increment(MOST),
        one.increment(),
        one.get(),
        one.delete(),
        one.get(),
        one.decrement(),
        one.increment(7),
      ]);
      const told = answers.map((answer) =>
        answer.status === 'fulfilled' ? answer.value : answer.reason.code,
      );
      const expired = 'ERR_COUNTER_EXPIRED';
      const before = [expired, undefined, 2, 1, 1, 0, MOST, 'ERR_COUNTER_OVERFLOW', MOST, true, -1];
      expect(told).toEqual([...before, expired, 7]);
      expect(await one.get()).toBe(7);
      await Promise.all([one.set(30), one.decrement(), one.decrement(5), one.increment(2), one.increment(3)]);
      expect(await counter().get()).toBe(29);
    });

    it('does not go beyond what is exact', async () => {
      const one = counter();
      await one.set(MOST - 1);
      await expect(one.increment(2)).rejects.toThrow(CounterOverflowError);
      expect(await one.get()).toBe(MOST - 1);
      expect(await one.increment()).toBe(MOST);
    });

    it('releases all who wait, in all processes, when it comes to 0', async () => {
      const clients = [stage.client(), stage.client(), stage.client()];
      const counters = clients.map((client) => counter(TTL, client));
      await counters[0]!.set(3);
      let released = 0;
      const waits = counters.flatMap((one) =>
        Array.from({ length: 50 }, () => one.wait(20_000).then(() => ++released)),
      );
      await seen(counters[1]!);
      for (const left of [2, 1]) expect(await counters[1]!.decrement()).toBe(left);
      await seen(counters[2]!);
      expect(released).toBe(0);
      expect(await counters[2]!.decrement()).toBe(0);
      await Promise.all(waits);
      await counters[0]!.wait(0);
      await counters[0]!.wait();
    });

    it('releases who waits also when it is set to 0, and starts anew for those who wait afterwards', async () => {
      const [one, other] = [counter(), counter()];
      for (let round = 0; round < 10; round++) {
        await one.set(2);
        const first = outcome(other.wait(20_000));
        await seen(other);
        await one.set(0);
        expect(await first).toBe('reached');
        await one.set(1);
        // What was said of the 0 before must not release this one.
        const abort = new AbortController();
        const second = outcome(other.wait(20_000, { signal: abort.signal }));
        await seen(other);
        abort.abort('still waiting');
        expect(await second).toBe('still waiting');
      }
    });

    it('rejects who waits for one that is not there, is deleted or expires', async () => {
      const [one, other] = [counter(), counter()];
      for (const timeout of [0, 20_000]) {
        await expect(one.wait(timeout)).rejects.toThrow(CounterExpiredError);
      }
      await one.set(2);
      const deleted = outcome(other.wait(20_000));
      await seen(other);
      await one.delete();
      expect(await deleted).toBeInstanceOf(CounterExpiredError);
      await counter(300).set(2);
      expect(await outcome(other.wait(20_000))).toBeInstanceOf(CounterExpiredError);
      expect(await one.get()).toBe(-1);
      await expect(one.decrement()).rejects.toThrow(CounterExpiredError);
    });

    it('ends a wait by its timeout, by its signal, or by a close', async () => {
      const client = stage.client();
      const one = counter(TTL, client);
      await one.set(2);
      await expect(one.wait(0)).rejects.toThrow(LockTimeoutError);
      // A busy machine may not have looked by then, and says so.
      const timedOut = await until(
        async () => {
          const end = await outcome(one.wait(50));
          return end instanceof LockTimeoutError ? end : undefined;
        },
        { what: 'a look and a timeout' },
      );
      expect(timedOut).toMatchObject({ code: 'ERR_LOCK_TIMEOUT', lockName: stage.name });
      expect(timedOut.waited).toBeGreaterThanOrEqual(50);
      expect(timedOut.message).toMatch(/^counter ".*" did not reach 0 within \d+ ms$/);
      const abort = new AbortController();
      const aborted = Array.from({ length: 20 }, () => outcome(one.wait(20_000, { signal: abort.signal })));
      abort.abort('enough');
      expect(new Set(await Promise.all(aborted))).toEqual(new Set(['enough']));
      expect(await outcome(one.wait(20_000, { signal: abort.signal }))).toBe('enough');
      const closed = [outcome(one.wait()), outcome(one.wait(20_000))];
      await client.close();
      for (const end of await Promise.all(closed)) expect(end).toBeInstanceOf(LockClosedError);
      for (const call of [one.wait(), one.wait(0), one.get(), one.set(1), one.delete()]) {
        await expect(call).rejects.toThrow(LockClosedError);
      }
    });

    it('shares nothing with a lock of the same name, and has groups', async () => {
      const client = stage.client();
      const one = counter(TTL, client);
      const grouped = client.counter(stage.name, { ttl: TTL, group: 'batch' });
      const lock = await client.creator(stage.name).acquire(TTL);
      await one.set(1);
      await grouped.set(10);
      expect(grouped.name).toBe(`batch/${stage.name}`);
      expect(await one.decrement()).toBe(0);
      expect(await lock.isHeld()).toBe(true);
      await one.delete();
      expect([await lock.isHeld(), await grouped.get()]).toEqual([true, 10]);
      await lock.release();
      await grouped.delete();
    });

    it('expires without a change, and not without', async () => {
      const [short, long] = [counter(200), counter(TTL)];
      await long.set(5);
      await short.decrement();
      await until(async () => (await long.get()) === -1, { what: 'the counter to expire' });
      await short.set(5);
      await long.increment();
      const end = performance.now() + 400;
      await until(() => performance.now() > end, { what: 'twice the short TTL to pass' });
      expect(await short.get()).toBe(6);
    });
  },
);

import { Redis } from 'ioredis';
import pDefer from 'p-defer';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';

// A cluster connection sends again what was redirected, and so after what was issued later.

let server: RedisServer;
let redis: HoldingRedis;
let holder: LockClient;
beforeEach(async () => {
  server = await startRedis();
  redis = new HoldingRedis(server.url);
  for (const { lua } of [scripts.acquire, scripts.release]) await redis.script('LOAD', lua);
  holder = new LockClient(server.url);
});
afterEach(async () => {
  await holder.close();
  redis.disconnect();
  await server.stop();
});

/** A connection that keeps one acquire back until it is told to send it. */
class HoldingRedis extends Redis {
  readonly #held = pDefer<void>();
  readonly #sent = pDefer<unknown>();
  #countdown = 0;

  /** The acquire that comes after so many others. */
  holdBack(others: number): void {
    this.#countdown = others + 1;
  }

  get holds(): boolean {
    return this.#countdown < 0;
  }

  /** Sends it; resolves with its answer. */
  send(): Promise<unknown> {
    this.#held.resolve();
    return this.#sent.promise;
  }

  override evalsha(...args: unknown[]): Promise<unknown> {
    const call = () => Reflect.apply(super.evalsha, this, args) as Promise<unknown>;
    if (args[0] !== scripts.acquire.sha || this.#countdown <= 0 || --this.#countdown > 0) return call();
    this.#countdown = -1;
    const answer = this.#held.promise.then(call);
    this.#sent.resolve(answer);
    return answer;
  }
}

it('row 2: an acquire that is run after the release of its own grant gives nothing', async () => {
  const client = new LockClient(redis);
  const creator = client.creator('reordered');
  const lock = await holder.creator('reordered').acquire(60_000);
  redis.holdBack(1);
  const waiting = creator.acquire(60_000, 20_000);
  await until(() => redis.holds, { what: 'the request for a place in line' });
  // It asks again, since it was deaf for a while.
  await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
  await lock.release();
  await (await waiting).release();
  expect(await creator.isLocked()).toBe(false);
  expect(await redis.send()).toEqual(expect.any(Number));
  await until(async () => !(await creator.isLocked()), { what: 'the lock to be free' });
  await client.close();
});

it('row 4: an acquire that is run long after it was given up gives nothing', async () => {
  const client = new LockClient(redis);
  const creator = client.creator('reordered');
  redis.holdBack(0);
  await expect(creator.acquire(60_000, 50)).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
  expect(await redis.send()).toEqual(expect.any(Number));
  await until(async () => !(await creator.isLocked()), { what: 'the lock to be free' });
  await client.close();
});

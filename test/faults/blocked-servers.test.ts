import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LockBackendError, LockClient, LockLostError, LockTimeoutError } from '../../src/index.ts';
import { says } from '../support/ask.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { timely, until } from '../support/wait.ts';

const TTL = 60_000;
const WAIT = 25_000;

let server: RedisServer;
let redis: Redis;
let client: LockClient;
beforeEach(async () => {
  // Where it saves to may be changed.
  server = await startRedis({ args: ['--enable-protected-configs', 'yes'] });
  redis = new Redis(server.url);
  client = new LockClient(server.url);
  // Both connections are there, and the scripts known.
  const lock = await client.creator('warm-up').acquire(TTL);
  const waiting = client.creator('warm-up').acquire(TTL);
  await until(async () => (await client.creator('warm-up').inspect()).waiters === 1, { what: 'the waiter' });
  await lock.release();
  await (await waiting).release();
});
afterEach(async () => {
  await client.close();
  redis.disconnect();
  await server.stop();
});

/** Whoever holds a lock loses it at its deadline, a wait ends at its timeout, and whoever has time gets the lock afterwards. */
async function endureSilence(unblock: () => Promise<unknown>, block: () => Promise<unknown>): Promise<void> {
  const creator = client.creator('blocked');
  const lock = (await creator.acquire(1_500)).autoRefresh();
  const { signal } = lock;
  await block();
  const impatient = timely(300 + 50, () => creator.acquire(TTL, 300));
  const patient = creator.acquire(TTL, WAIT);
  const { error, late } = await impatient;
  expect(error instanceof LockTimeoutError || error instanceof LockBackendError).toBe(true);
  expect(late).toBe(false);
  expect(signal.aborted).toBe(false);
  await until(() => signal.aborted, { what: 'the deadline' });
  expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'expired' });
  expect(() => lock.assertHeld()).toThrow(LockLostError);
  await unblock();
  const next = await patient;
  expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
  await expect(lock.release()).rejects.toBe(signal.reason);
  await next.release();
  expect(await creator.inspect()).toMatchObject({ holders: [], waiters: 0 });
}

it('row 39: CLIENT PAUSE: deadlines and timeouts are kept, and all goes on afterwards', async () => {
  await endureSilence(
    async () => {},
    () => redis.call('CLIENT', 'PAUSE', '3000', 'ALL'),
  );
});

it('row 37: a script that does not end: deadlines and timeouts are kept, and all goes on when it is killed', async () => {
  await redis.config('SET', 'busy-reply-threshold', '50');
  const looping = new Redis(server.url);
  let looped: Promise<unknown> = Promise.resolve();
  await endureSilence(
    async () => {
      await redis.script('KILL');
      expect(await looped).toMatchObject({ message: expect.stringMatching(/kill/i) });
      looping.disconnect();
    },
    async () => {
      looped = looping.eval('while true do end', 0).catch((error: unknown) => error);
      await until(() => says(server, 'GET warm-up', /BUSY/), { what: 'the server to be busy' });
    },
  );
});

/** Why the server refuses to write, how to make it, and how to make it stop. */
const REFUSALS: readonly [code: string, begin: () => Promise<unknown>, end: () => Promise<unknown>][] = [
  [
    'NOREPLICAS',
    () => redis.config('SET', 'min-replicas-to-write', '1'),
    () => redis.config('SET', 'min-replicas-to-write', '0'),
  ],
  [
    'MISCONF',
    async () => {
      // Nobody can make a file there, not even root.
      await redis.config('SET', 'dir', '/proc');
      await redis.config('SET', 'save', '3600 1000000');
      await redis.bgsave();
      const failed = async () => (await redis.info('persistence')).includes('rdb_last_bgsave_status:err');
      await until(failed, { what: 'the server to have failed to save' });
    },
    () => redis.config('SET', 'stop-writes-on-bgsave-error', 'no'),
  ],
];

it.each(REFUSALS)(
  'row 34: a release that the server refuses is asked for again until it is carried out: %s',
  async (code, begin, end) => {
    const creator = client.creator('refused');
    const lock = await creator.acquire(TTL);
    const waiting = creator.acquire(TTL, WAIT);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
    await begin();
    let settled = false;
    const releasing = lock.release().finally(() => {
      settled = true;
    });
    // On the same connection, and so answered after the release.
    const error: unknown = await client
      .creator('other')
      .tryAcquire(TTL)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'unavailable', retryable: true });
    expect(String(error)).toContain(code);
    expect(settled).toBe(false);
    await end();
    await releasing;
    await (await waiting).release();
  },
);

it('row 34: a release that the server refuses until the TTL has passed rejects with its reason', async () => {
  const creator = client.creator('refused');
  const lock = await creator.acquire(800);
  await redis.config('SET', 'min-replicas-to-write', '1');
  const error: unknown = await lock.release().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LockBackendError);
  expect(String(error)).toMatch(/NOREPLICAS/);
  expect(lock.remaining).toBe(0);
  await redis.config('SET', 'min-replicas-to-write', '0');
  await (await creator.acquire(TTL, WAIT)).release();
});

it.each(REFUSALS)(
  'row 34: nobody is told of units that the server then refuses to hand on: %s',
  async (code, begin, end) => {
    const { read, write } = client.readWriteLock('refused');
    const writer = await write.acquire(TTL);
    let settled = false;
    const waiting = read.acquire(TTL, WAIT).finally(() => {
      settled = true;
    });
    await until(async () => (await read.inspect()).waiters === 1, { what: 'the reader' });
    await begin();
    await expect(writer.downgrade()).rejects.toThrow(code);
    const { holders, waiters } = await read.inspect();
    expect(holders).toMatchObject([{ owner: writer.owner, units: writer.units }]);
    expect(waiters).toBe(1);
    expect(settled).toBe(false);
    await end();
    await writer.downgrade();
    // A message of the refused grant, read only now, would have told of another fence.
    const { owner, fencingToken } = await waiting;
    expect((await read.inspect()).holders).toMatchObject([
      { owner: writer.owner, units: 1 },
      { owner, fencingToken },
    ]);
  },
);

it('row 34: units are handed on also when the server is out of memory', async () => {
  const semaphore = client.semaphore('full', 2);
  const [first, second] = [await semaphore.acquire(TTL), await semaphore.acquire(TTL)];
  const waiting = semaphore.acquire(TTL, WAIT);
  await until(async () => (await semaphore.inspect()).waiters === 1, { what: 'the waiter' });
  await redis.config('SET', 'maxmemory', '1');
  const releasing = first.release();
  const { owner, fencingToken } = await waiting;
  expect((await semaphore.inspect()).holders).toMatchObject([
    { owner: second.owner },
    { owner, fencingToken },
  ]);
  await releasing;
});

it.each(['mutex', 'semaphore'])(
  'row 34: nobody who watches is shown a grant that is refused: %s',
  async (kind) => {
    const creator = kind === 'mutex' ? client.creator('watched') : client.semaphore('watched', 2);
    const seen: (number | undefined)[] = [];
    const watching = (async () => {
      for await (const { holders } of creator.watch()) {
        seen.push(holders[0]?.fencingToken);
        if (seen.length > 1 && holders.length === 0) return;
      }
    })();
    await until(() => seen.length === 1, { what: 'the first state' });
    await redis.config('SET', 'min-replicas-to-write', '1');
    await expect(creator.acquire(TTL, 400)).rejects.toThrow('NOREPLICAS');
    await redis.config('SET', 'min-replicas-to-write', '0');
    const lock = await creator.acquire(TTL, WAIT);
    await lock.release();
    await watching;
    expect(seen).toEqual([undefined, lock.fencingToken, undefined]);
  },
);

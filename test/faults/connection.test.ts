import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { LockBackendError, LockClient, LockCreator, redisBackend } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until, within } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

/** What a call says when the connection cannot be had for good: long before its 20 s are over. */
async function failure(creator: LockCreator): Promise<LockBackendError> {
  let patience: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    patience = setTimeout(() => reject(new Error('did not fail fast')), 10_000);
  });
  try {
    const error: unknown = await Promise.race([creator.acquire(30_000, 20_000), tooLate]).catch(
      (e: unknown) => e,
    );
    if (error instanceof LockBackendError) return error;
    throw error;
  } finally {
    clearTimeout(patience);
  }
}

describe('row 49: a connection that cannot be had', () => {
  it('fails fast with a wrong password', async () => {
    await using server: RedisServer = await startRedis({ password: 'right' });
    for (const url of [server.url.replace('right', 'wrong'), server.url.replace(':right@', '')]) {
      await using client = new LockClient(url);
      const error = await failure(client.creator('guarded'));
      expect(error).toMatchObject({ reason: 'denied', retryable: false, lockName: 'guarded' });
      expect(String(error.cause)).toMatch(/WRONGPASS|NOAUTH/);
    }
  });

  it('fails fast with a certificate that nobody vouches for', async () => {
    await using server: RedisServer = await startRedis({ tls: true });
    await using client = new LockClient(server.url);
    const error = await failure(client.creator('secret'));
    expect(error).toMatchObject({ reason: 'denied', retryable: false });
    expect(error.cause).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('works over TLS with a certificate that is trusted', async () => {
    await using server: RedisServer = await startRedis({ tls: true });
    const redis = new Redis(server.url, { tls: server.tls ?? {} });
    const creator = new LockCreator('secret', redis);
    const lock = await creator.acquire(30_000);
    const waiting = creator.acquire(30_000);
    await lock.release();
    await (await waiting).release();
    await creator.close();
    redis.disconnect();
  });

  it('fails fast when the connection was ended', async () => {
    await using server: RedisServer = await startRedis();
    const redis = new Redis(server.url);
    const creator = new LockCreator('ended', redis);
    await (await creator.acquire(30_000)).release();
    await redis.quit();
    const error = await failure(creator);
    expect(error).toMatchObject({ reason: 'unavailable', retryable: false });
    expect(String(error.cause)).toContain('ended');
    await creator.close();
  });

  it('gives each command its time on a dead port', async () => {
    const dead = await startRedis();
    await dead.stop();
    await using client = new LockClient(redisBackend(dead.url, { commandTimeout: 100 }));
    const creator = client.creator('dead');
    const calls = [
      creator.tryAcquire(1_000),
      creator.acquire(1_000, 0),
      creator.inspect(),
      creator.forceRelease(),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: 'rejected', reason: { cause: { code: 'ECONNREFUSED' } } });
    }
  });

  it('forgets what was wrong once it is to be had', async () => {
    await using server: RedisServer = await startRedis();
    const redis = new Redis(server.url, { lazyConnect: true, retryStrategy: () => 500 });
    await using client = new LockClient(redis);
    const { connector } = redis as unknown as { connector: { firstError?: Error } };
    connector.firstError = Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' });
    await redis.connect();
    const end = until(() => redis.status === 'reconnecting', { what: 'the end of the connection' });
    redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => {});
    await end;
    await (await client.creator('renewed').acquire(30_000, 20_000)).release();
    redis.disconnect();
  });

  it('never goes on in another database than the one asked for', async () => {
    await using server: RedisServer = await startRedis();
    await using client = new LockClient(`${server.url}/99`);
    const error = await failure(client.creator('elsewhere'));
    expect(error).toMatchObject({ retryable: false });
    expect(String(error.cause)).toContain('DB index');
    const redis = new Redis(server.url);
    expect(await redis.keys('*')).toEqual([]);
    redis.disconnect();
    expect(() => new LockClient(`${server.url}/abc`)).toThrow(/source must be a URL/);
    expect(() => new LockClient('redis://me:secret@host/abc')).toThrow(/^(?!.*secret)/);
  });

  it('does not keep a process that has closed it', async () => {
    const dead = await startRedis();
    await dead.stop();
    await using child = spawnClient(new URL('./unreachable.client.ts', import.meta.url), {
      args: [dead.url],
    });
    expect(await child.exit).toEqual({ code: 0, signal: null });
  });
});

describe('row 49: a connection that its user has ended', () => {
  const ended = { code: 'ERR_LOCK_BACKEND', reason: 'unavailable', retryable: false };

  it('refuses at once what needs a subscription', async () => {
    await using server: RedisServer = await startRedis();
    const redis = new Redis(server.url);
    await using client = new LockClient(redis);
    await redis.quit();
    const counter = client.counter('ended', { ttl: 60_000 });
    for (const ask of [() => client.creator('ended').watch().next(), () => counter.wait()]) {
      await expect(within<unknown>(2_000, 'an answer', ask)).rejects.toMatchObject({
        ...ended,
        lockName: 'ended',
      });
    }
  });

  it('names the lock that a closed backend refuses to watch', async () => {
    await using server: RedisServer = await startRedis();
    const backend = redisBackend(server.url);
    await backend.close();
    const refused = { code: 'ERR_LOCK_CLOSED', lockName: 'closed' };
    const ignore = () => {};
    await expect(backend.watch('closed', ignore, ignore)).rejects.toMatchObject(refused);
  });

  it('ends a watch on a lock that is free', async () => {
    await using server: RedisServer = await startRedis();
    const redis = new Redis(server.url);
    await using client = new LockClient(redis);
    const watch = client.creator('free').watch();
    expect((await watch.next()).value).toMatchObject({ holders: [] });
    const next = expect(within(2_000, 'the end', () => watch.next())).rejects.toMatchObject({
      ...ended,
      lockName: 'free',
    });
    await redis.quit();
    await next;
  });

  it('keeps nobody behind one who was waiting for the inbox', async () => {
    await using server: RedisServer = await startRedis();
    await using proxy = await startProxy(server);
    await using other = new LockClient(server.url);
    await other.creator('held').acquire(30_000);
    const split = new SplitRedis({ commands: server.port, subscriber: proxy.port });
    split.on('error', () => {});
    await using client = new LockClient(split);
    const creator = client.creator('held');
    expect(await creator.tryAcquire(30_000)).toBeNull();
    proxy.stall();
    const first = expect(creator.acquire(30_000)).rejects.toMatchObject({ ...ended, lockName: 'held' });
    // Answered after the try of the first, who waits for its inbox from then on.
    expect(await creator.tryAcquire(30_000)).toBeNull();
    await split.quit();
    await first;
    await expect(within(2_000, 'an answer', () => creator.acquire(30_000))).rejects.toMatchObject({
      ...ended,
      lockName: 'held',
    });
  });
});

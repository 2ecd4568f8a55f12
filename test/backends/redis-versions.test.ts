import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { toBackendError } from '../../src/redis/errors.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';

// No older server is to be had here. What tells one is that it has no SSUBSCRIBE, and that its Lua does not know its version.

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis({ args: ['--rename-command', 'SSUBSCRIBE', ''] });
});
afterAll(() => server.stop());

it('refuses a server before 7 when it is asked for a lock', async () => {
  const redis = new Redis(server.url);
  const asked = 'local redis = { call = redis.call, pcall = redis.pcall, error_reply = redis.error_reply }\n';
  const answer = redis.eval(asked + scripts.acquire.lua, 2, 'key', 'key:queue', 'owner', 1_000);
  const error = toBackendError(await answer.catch((reason: unknown) => reason));
  expect(error).toMatchObject({ reason: 'failed', retryable: false });
  expect(error.message).toContain('Redis 7 or newer is needed');
  expect(await redis.exists('key', 'key:queue')).toBe(0);
  redis.disconnect();
});

it('refuses a server without sharded channels when it is asked to tell of something', async () => {
  await using client = new LockClient(server.url);
  const creator = client.creator('deaf');
  const refusal = { code: 'ERR_LOCK_BACKEND', retryable: false, message: /version 7 or newer is needed/ };
  const lock = await creator.acquire(30_000);
  await expect(creator.acquire(30_000, 20_000)).rejects.toSatisfy((error: Error) =>
    refusal.message.test(error.message),
  );
  await expect(creator.watch().next()).rejects.toMatchObject({
    code: refusal.code,
    retryable: refusal.retryable,
  });
  await lock.release();
});

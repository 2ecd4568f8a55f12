import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const TTL = 10_000;
const MANY = 200;

let server: RedisServer;
let redis: Redis;
let locks: LockClient;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  redis = new Redis(server.url);
  locks = new LockClient(redis);
  await redis.flushall();
  // The server knows the scripts then.
  await (await locks.creator('first').acquire(TTL)).release();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await locks.close();
  redis.disconnect();
});

/** Counts the writes to the socket from now on. */
function countWrites(): () => number {
  const single = vi.spyOn(redis.stream, '_write');
  const several = vi.spyOn(redis.stream, '_writev' as '_write');
  return () => single.mock.calls.length + several.mock.calls.length;
}

function acquireMany(count: number): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, i) => locks.creator(`many:${i}`).acquire(TTL)));
}

describe('what is written to the command connection', () => {
  it('is a write for each command while there are few, without waiting for the end of the tick', async () => {
    const writes = countWrites();
    const acquiring = acquireMany(4);
    expect(writes()).toBe(4);
    await acquiring;
  });

  it('is a few writes for many commands of one tick, the first of which go out before the last are made', async () => {
    const writes = countWrites();
    const acquiring = acquireMany(MANY);
    expect(writes()).toBeGreaterThan(3);
    await acquiring;
    expect(writes()).toBeLessThan(MANY / 8);
    expect(redis.stream.writableCorked).toBe(0);
  });

  it("keeps the order with the user's own commands of the same tick", async () => {
    const acquiring = acquireMany(10);
    const keys = redis.keys('*{many:*');
    await acquiring;
    expect(await keys).toHaveLength(10);
    expect(redis.stream.writableCorked).toBe(0);
  });

  it('survives a connection that is cut while a batch is held back', async () => {
    const acquiring = acquireMany(MANY);
    redis.stream.destroy();
    await acquiring;
    expect(locks.held).toHaveLength(MANY);
    expect(redis.stream.writableCorked).toBe(0);
  });
});

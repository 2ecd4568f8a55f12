import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countByName, recordCommands } from './commands.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({ password: 'sesame' });
  redis = new Redis(server.url);
  await redis.ping();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

it('records what comes over the wire and not what scripts call', async () => {
  const recorder = await recordCommands(server);
  await redis.eval("redis.call('SET', KEYS[1], 'x') return redis.call('GET', KEYS[1])", 1, 'a "key"\r\n');
  await redis.get('key');
  const [first, ...others] = await recorder.stop();
  expect(first?.name).toBe('eval');
  expect(first?.text).toContain(String.raw`"a \"key\"\r\n"`);
  expect(first?.client).toMatch(/^[\d.]+:\d+$/);
  expect(countByName(others)).toEqual({ get: 1 });
});

it('tells clients apart', async () => {
  await using recorder = await recordCommands(server);
  const other = new Redis(server.url, { enableReadyCheck: false });
  await Promise.all([redis.ping(), other.ping()]);
  other.disconnect();
  const pings = (await recorder.take()).filter(({ name }) => name === 'ping');
  expect(new Set(pings.map(({ client }) => client)).size).toBe(2);
});

it('loses nothing of a flood', async () => {
  await using recorder = await recordCommands(server);
  const flood = redis.pipeline();
  for (let n = 0; n < 100_000; n++) flood.incr('count');
  await flood.exec();
  expect(countByName(await recorder.take())).toEqual({ incr: 100_000 });
  expect(await recorder.take()).toEqual([]);
});

it('says when it cannot go on', async () => {
  await expect(recordCommands({ host: server.host, port: server.port })).rejects.toThrow(/NOAUTH/);
  await using mortal = await startRedis();
  const recorder = await recordCommands(mortal);
  await mortal.kill();
  await expect(recorder.stop()).rejects.toThrow(/the connection ended/);
});

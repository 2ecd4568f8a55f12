import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answers, ask, says } from './ask.ts';
import { type FaultProxy, startProxy } from './proxy.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './wait.ts';

describe('a proxy in front of a server', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  beforeEach(async () => {
    await ask(server, 'FLUSHALL');
    proxy = await startProxy(server);
    redis = new Redis(proxy.url, { retryStrategy: () => 10 });
    await redis.ping();
  });
  afterEach(async () => {
    redis.disconnect();
    await proxy.stop();
  });

  it('loses one reply after the server executed, so that ioredis sends the command again', async () => {
    const happened = proxy.swallowNextReply({ afterRequestContaining: 'ticket' });
    expect(await redis.incr('ticket')).toBe(2);
    await happened;
    expect(proxy.accepted).toBe(2);
  });

  it('loses exactly that reply out of a pipeline', async () => {
    redis.options.autoResendUnfulfilledCommands = false;
    redis.options.maxRetriesPerRequest = 0;
    const happened = proxy.swallowNextReply({ afterRequestContaining: 'second' });
    const commands = ['first', 'second', 'third'].map((key) => redis.incr(key));
    await happened;
    expect(await commands[0]).toBe(1);
    void Promise.allSettled(commands);
    expect(await ask(server, 'GET second')).toContain('1');
  });

  it('says when it is stopped before the reply came by', async () => {
    const happened = proxy.swallowNextReply({ afterRequestContaining: 'nothing' });
    await proxy.stop();
    await expect(happened).rejects.toThrow(/no reply to "nothing"/);
  });

  it('holds everything back and lets it through in order', async () => {
    proxy.stall();
    const order: number[] = [];
    const replies = [1, 2, 3].map((n) => redis.rpush('list', n).then((length) => order.push(length)));
    expect(await ask(server, 'EXISTS list')).toBe(':0\r\n');
    proxy.flow();
    await Promise.all(replies);
    expect(order).toEqual([1, 2, 3]);
  });

  it('holds back the replies alone', async () => {
    proxy.stallReplies();
    let answered = false;
    const reply = redis.incr('count').then(() => {
      answered = true;
    });
    await until(() => says(server, 'EXISTS count', /1/), { what: 'the command to run' });
    expect(answered).toBe(false);
    proxy.flow();
    await reply;
  });

  it('keeps a dead server secret while it stalls', async () => {
    proxy.stall();
    await ask(server, 'CLIENT KILL TYPE normal');
    expect(proxy.connections).toBe(1);
    proxy.flow();
    await until(() => proxy.accepted === 2, { what: 'the client to notice' });
  });

  it('delays both ways', async () => {
    proxy.delay(60);
    const start = performance.now();
    await redis.ping();
    expect(performance.now() - start).toBeGreaterThanOrEqual(119);
    proxy.delay(0);
  });

  it('breaks connections that are half closed, too, when it is stopped', async () => {
    proxy.stall();
    redis.disconnect();
    await until(() => proxy.connections === 0, { what: 'the client to be gone' });
    expect(await ask(server, 'INFO clients')).toContain('connected_clients:2');
    await proxy.stop();
    await until(() => says(server, 'INFO clients', /connected_clients:1\r/), {
      what: 'the server to be left alone',
    });
  });

  it('passes TLS on unread', async () => {
    await using secure = await startRedis({ tls: true });
    await using front = await startProxy(secure);
    expect(await ask({ host: front.host, port: front.port, tls: secure.tls }, 'PING')).toBe('+PONG\r\n');
  });

  it('cuts connections, refuses new ones and accepts them again', async () => {
    proxy.refuse();
    proxy.cut();
    await until(() => proxy.connections === 0, { what: 'the connection to be gone' });
    expect(await answers(proxy)).toBe(false);
    expect(proxy.accepted).toBe(1);
    proxy.accept();
    expect(await redis.ping()).toBe('PONG');
  });
});

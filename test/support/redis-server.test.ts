import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { answers, ask } from './ask.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './wait.ts';

describe('a server of the test kit', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('answers at its URL', async () => {
    const redis = new Redis(server.url);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('was started in the way that was decided for all projects', () => {
    expect(server.way).toBe(inject('servers').way);
  });

  it('keeps silent while paused and goes on afterwards', async () => {
    await server.pause();
    expect(await answers(server)).toBe(false);
    await server.resume();
    expect(await answers(server)).toBe(true);
  });

  it('comes back empty on the same port after a kill', async () => {
    await ask(server, 'SET key value');
    await ask(server, 'BGSAVE');
    await server.kill();
    expect(await answers(server)).toBe(false);
    await server.restart();
    expect(await ask(server, 'DBSIZE')).toBe(':0\r\n');
  });

  it('comes back empty without a kill, and even from a pause', async () => {
    await ask(server, 'SET key value');
    await server.pause();
    await server.restart();
    expect(await ask(server, 'DBSIZE')).toBe(':0\r\n');
  });
});

describe('the options of a server', () => {
  it('asks for the password that its URL carries', async () => {
    await using server = await startRedis({ password: 'open/sesame' });
    const redis = new Redis(server.url);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    expect(await ask(server, 'DBSIZE')).toBe(':0\r\n');
    expect(await ask({ host: server.host, port: server.port }, 'DBSIZE')).toMatch(/^-NOAUTH/);
  });

  it('speaks TLS to whoever trusts its certificate', async () => {
    await using server = await startRedis({ tls: true });
    const redis = new Redis(server.url, { tls: server.tls ?? {} });
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    await expect(
      ask({ host: server.host, port: server.port, tls: { ca: '', servername: 'localhost' } }, 'PING'),
    ).rejects.toThrow(/certificate/);
  });

  it('passes further arguments on', async () => {
    await using server = await startRedis({ args: ['--maxmemory', '5mb'] });
    expect(await ask(server, 'CONFIG GET maxmemory')).toContain('5242880');
  });

  it('shows the log of a server that does not start', async () => {
    await expect(startRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow(/no-such-option/);
  });
});

it('does not pass for a stranger who has its port', async () => {
  await using stranger = await startRedis();
  await expect(startRedis({ port: stranger.port })).rejects.toThrow(/already (in use|allocated)/);
  await expect(startRedis({ port: stranger.port, hostNetwork: true })).rejects.toThrow(/already in use/);
});

it('is gone after stop(), which may be called twice', async () => {
  const server = await startRedis();
  await server.stop();
  await server.stop();
  expect(await answers(server)).toBe(false);
  await expect(server.pause()).rejects.toThrow(/was stopped/);
});

it('names what it waited for in vain', async () => {
  await expect(until(() => false, { what: 'Godot', timeout: 20 })).rejects.toThrow(/20 ms in vain for Godot/);
  const never = new Promise<boolean>(() => {});
  await expect(until(() => never, { what: 'Godot', timeout: 20 })).rejects.toThrow(/for Godot/);
});

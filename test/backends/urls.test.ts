import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { backendFromUrl, LockArgumentError, LockClient } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { startEtcd } from '../support/etcd.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startSentinel } from '../support/sentinel.ts';

const LOGIN = 'app:p%40ss';
const PASSWORD = 'p@ss';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

/** Two clients made from one URL keep each other out, and end all that they have opened. */
async function excludeEachOther(url: string): Promise<void> {
  const options = { prefix: 'by-url', clientName: 'url-test' };
  const clients = [
    new LockClient(await backendFromUrl(url, options)),
    new LockClient(await backendFromUrl(url, options)),
  ];
  endings.push(() => Promise.all(clients.map((client) => client.close())));
  const [first, second] = clients.map((client) => client.creator('shared'));
  const lock = await first?.acquire(30_000, 10_000);
  expect(lock?.owner).toMatch(/^url-test\./);
  expect(await second?.tryAcquire(30_000)).toBeNull();
  const waiting = second?.acquire(30_000, 10_000);
  await lock?.release();
  await (await waiting)?.release();
}

async function addUser(servers: readonly RedisServer[]): Promise<void> {
  for (const { host, port } of servers) {
    const redis = new Redis(port, host);
    await redis.call('ACL', 'SETUSER', 'app', 'on', `>${PASSWORD}`, '~by-url:*', '&by-url:*', '+@all');
    redis.disconnect();
  }
}

function hosts(servers: readonly { host: string; port: number }[]): string {
  return servers.map(({ host, port }) => `${host}:${port}`).join();
}

async function usersAt({ host, port }: RedisServer): Promise<string> {
  const redis = new Redis(port, host);
  const list = String(await redis.call('CLIENT', 'LIST'));
  redis.disconnect();
  return list;
}

describe('backendFromUrl', () => {
  it('redis://', async () => {
    const server = await startRedis();
    endings.push(() => server.stop());
    await addUser([server]);
    await excludeEachOther(`redis://${LOGIN}@${hosts([server])}`);
    expect(await usersAt(server)).toContain('user=app');
  });

  it('redis+cluster://', async () => {
    const cluster = await startRedisCluster({ replicas: 0 });
    endings.push(() => cluster.stop());
    await addUser(cluster.servers);
    await excludeEachOther(`redis+cluster://${LOGIN}@${hosts(cluster.servers.slice(0, 2))}`);
    const [server] = cluster.servers;
    expect(server && (await usersAt(server))).toContain('user=app');
  });

  it('redis+sentinel://', async () => {
    const group = await startSentinel();
    endings.push(() => group.stop());
    await addUser([group.master]);
    await excludeEachOther(`redis+sentinel://${LOGIN}@${hosts(group.sentinels)}/${group.name}`);
    expect(await usersAt(group.master)).toContain('user=app');
  });

  it('redlock://', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => startRedis()));
    endings.push(() => Promise.all(servers.map((server) => server.stop())));
    await addUser(servers);
    await excludeEachOther(`redlock://${LOGIN}@${hosts(servers)}`);
    for (const server of servers) expect(await usersAt(server)).toContain('user=app');
  });

  it('etcd://', async () => {
    const etcd = await startEtcd();
    endings.push(() => etcd.stop());
    await excludeEachOther(etcd.url);
  });

  it('etcd:// says what is missing where its package is not installed', async () => {
    const file = new URL('./no-etcd.client.ts', import.meta.url);
    await using client = spawnClient<{ type: 'answer'; text: string }>(file);
    const { text } = await client.next('answer');
    expect(text).toContain(
      'LockArgumentError: url must be of an engine that is installed (npm install etcd3)',
    );
    expect(text).not.toContain('secret');
  });

  it.each(['memory:', 'memory:jobs'])('%s', async (url) => {
    await excludeEachOther(url);
    const other = new LockClient(await backendFromUrl('memory:other'));
    const here = new LockClient(await backendFromUrl(url));
    const lock = await here.creator('apart').acquire(30_000);
    expect(await other.creator('apart').tryAcquire(30_000)).not.toBeNull();
    await lock.release();
    await Promise.all([here.close(), other.close()]);
  });

  it.each([
    'http://localhost',
    'localhost:6379',
    'redis:localhost',
    'REDIS://localhost',
    'redis+clusters://localhost',
    'zookeeper://user:secret@localhost',
    'zookeeper://user:secret/secret@secret@localhost',
    '',
  ])('refuses %j, and lists what it knows', async (url) => {
    const error = await backendFromUrl(url).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockArgumentError);
    const { message } = error as LockArgumentError;
    for (const scheme of ['redis://', 'rediss://', 'redis+cluster://', 'redlock://', 'etcd://', 'memory:']) {
      if (!url.startsWith('redis:')) expect(message).toContain(scheme);
    }
    expect(message).not.toContain('secret');
  });

  it.each([
    'redis+cluster://',
    'redis+cluster://h1,,h2',
    'redis+cluster://h1:x',
    'redis+cluster://h1/0',
    'redis+cluster://h1,h2:6379?x=1',
    'redis+sentinel://h1,h2',
    'redis+sentinel://h1/name/x',
    'redlock://h1,h2/x',
    'redlock://h1,h1',
    'redlock://user:%zz@h1',
    'etcd://h1:x',
    'memory:\uD800',
  ])('refuses %j before it connects', async (url) => {
    await expect(backendFromUrl(url)).rejects.toBeInstanceOf(LockArgumentError);
  });

  it.each([undefined, null, 5, {}])('refuses %o', async (url) => {
    await expect(backendFromUrl(url as unknown as string)).rejects.toMatchObject({ argument: 'url' });
  });
});

import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { findingsOf } from '../../src/cli/doctor/findings.ts';
import type { ServerFacts } from '../../src/redis/server-facts.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { run } from './command-line.ts';

const GOOD: ServerFacts = {
  server: 'host:6379',
  product: 'Redis',
  version: '7.2.4',
  role: 'master',
  replicas: 1,
  settings: {
    maxmemory: '0',
    'maxmemory-policy': 'noeviction',
    appendonly: 'yes',
    appendfsync: 'always',
    'min-replicas-to-write': '1',
  },
  clockOffsetMs: 3,
  roundTripMs: 0.5,
  user: 'default',
};

function finding(check: string, change: Partial<ServerFacts>, settings: ServerFacts['settings'] = {}) {
  const findings = findingsOf({ ...GOOD, settings: { ...GOOD.settings, ...settings }, ...change });
  return findings.find((each) => each.check === check);
}

describe('what the settings of a server mean', () => {
  it('is nothing to change when all is well', () => {
    expect(findingsOf(GOOD).map(({ verdict }) => verdict)).toEqual(Array.from({ length: 6 }, () => 'ok'));
  });

  it.each([
    ['version', { version: '6.2.14' }, {}, 'change', 'upgrade to Redis 7'],
    ['version', { version: undefined }, {}, 'note', '+info'],
    ['eviction', {}, { 'maxmemory-policy': 'allkeys-lru' }, 'change', 'maxmemory-policy noeviction'],
    ['persistence', {}, { appendonly: 'no', save: '' }, 'note', 'appendonly yes'],
    ['persistence', {}, { appendfsync: 'everysec' }, 'note', 'appendfsync always'],
    ['replication', { role: 'slave' }, {}, 'change', 'its master'],
    ['replication', {}, { 'min-replicas-to-write': '0' }, 'note', 'min-replicas-to-write 1'],
    ['clock', { clockOffsetMs: -90_000 }, {}, 'note', 'NTP'],
  ] as const)('%s: %o %o', (check, change, settings, verdict, advice) => {
    expect(finding(check, change, settings)).toMatchObject({
      verdict,
      advice: expect.stringContaining(advice) as string,
    });
  });
});

describe('batonlock doctor', () => {
  it('tries what applications do, and finds nothing wrong with a server as it should be', async () => {
    await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const { status, stdout, stderr } = await run(server.url, 'doctor');
    expect([status, stderr]).toEqual([0, '']);
    for (const check of [
      'lock',
      'handoff (pub/sub)',
      'watch, break',
      'semaphore',
      'counter',
      'list (ls, top)',
    ]) {
      expect(stdout).toContain(`✓  ${check}`);
    }
    expect(stdout).toMatch(/✓ {2}clock +\d+ ms (ahead of|behind) ours/);
    expect(stdout).toContain('Nothing to change.');
    const redis = new Redis(server.url);
    // Fences and what a counter remembers, which expire.
    const keys = await redis.keys('*');
    const records = keys.filter((key) => !key.includes('}:counter'));
    for (const key of records) expect(await redis.get(key)).toMatch(/^\d{16}$|^\d{16}.* -$/);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
    expect(keys.length).toBeLessThan(5);
    redis.disconnect();
  }, 120_000);

  it('says what to change, and exits with 1', async () => {
    await using server = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    const { status, json } = await run(server.url, 'doctor', '--json');
    expect(status).toBe(1);
    const changes = json.filter((each) => (each as { verdict: string }).verdict === 'change');
    const advice = expect.stringContaining('maxmemory-policy noeviction') as string;
    expect(changes).toEqual([expect.objectContaining({ check: 'eviction', advice })]);
  }, 120_000);

  it('names the right that a user lacks, and asks for what this user may not know', async () => {
    await using server = await startRedis();
    const redis = new Redis(server.url);
    const rights = ['~*', '&*', '+@all', '-ssubscribe', '-config', '-info'];
    await redis.call('ACL', 'SETUSER', 'app', 'on', '>secret', ...rights);
    redis.disconnect();
    const url = server.url.replace('redis://', 'redis://app:secret@');
    const { status, stdout } = await run(url, 'doctor');
    expect(status).toBe(1);
    expect(stdout).toMatch(/✗ {2}handoff \(pub\/sub\) +fails/);
    expect(stdout).toMatch(/To change:\n {2}handoff .*docs\/engines.md lists: .*ssubscribe/);
    expect(stdout).toContain('unknown: this user may not ask');
    expect(stdout).not.toContain('secret');
  }, 120_000);

  it('tries engines that have no such settings', async () => {
    const { status, json } = await run('memory:', 'doctor', '--json');
    expect(status).toBe(0);
    expect(json.map((each) => (each as { check: string }).check)).toContain('handoff (pub/sub)');
  }, 120_000);
});

it('says so of a server that is not there, and ends', async () => {
  const server = await startRedis();
  await server.stop();
  const doctor = await run(server.url, 'doctor');
  expect(doctor.status).toBe(1);
  expect(doctor.lines.filter((line) => line.includes('settings'))).toHaveLength(2);
  expect(doctor.stdout).toMatch(/settings: Redis does not answer: .*ECONNREFUSED/);
}, 60_000);

it('looks at each master of a cluster', async () => {
  await using cluster = await startRedisCluster({ replicas: 0 });
  const addresses = cluster.nodes.map(({ host, port }) => `${host}:${port}`);
  const { status, stdout, stderr } = await run(`redis+cluster://${addresses.join(',')}`, 'doctor');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain('✓  handoff (pub/sub)');
  for (const address of addresses) {
    expect(stdout).toMatch(new RegExp(`✓ {2}replication +master with 0 replicas +${address}`));
  }
}, 120_000);

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';
import { run, start, startOnTerminal } from './command-line.ts';

let server: RedisServer;
let client: LockClient;
let redis: Redis;
const folder = mkdtempSync(join(tmpdir(), 'batonlock-cli-'));
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  client = new LockClient(redis);
});
afterAll(async () => {
  await client.close();
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const isFree = async (name: string): Promise<boolean> => !(await client.creator(name).isLocked());
const waiters = async (name: string): Promise<number> => (await client.creator(name).inspect()).waiters;
/** A shell that says when it is ready, and goes on until it is ended. */
const LOOP = 'echo ready $$; while :; do sleep 0.05; done';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that nobody has asked about since it ended is still listed.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('batonlock run', () => {
  it('runs the command with the lock, its name and its fencing token, and exits with its status', async () => {
    const before = await client.creator('own').acquire(10_000);
    await before.release();
    const script = 'echo "$BATON_LOCK_NAME $BATON_FENCING_TOKEN"; exit 3';
    const { status, stdout, stderr } = await run(server.url, 'run', 'own', '--', 'sh', '-c', script);
    expect(stderr).toBe('');
    expect(status).toBe(3);
    const [, token] = /^own (\d{16})\n$/.exec(stdout) ?? [];
    expect(Number(token)).toBeGreaterThan(before.fencingToken);
    expect(await isFree('own')).toBe(true);
  }, 120_000);

  it('excludes others of the same name, each in a process of its own', async () => {
    const file = join(folder, 'turns');
    const script = `echo "in $BATON_FENCING_TOKEN" >> ${file}; sleep 0.2; echo "out $BATON_FENCING_TOKEN" >> ${file}`;
    const turns = await Promise.all(
      [1, 2, 3].map(() => run(server.url, 'run', 'turns', '--', 'sh', '-c', script)),
    );
    expect(turns.map(({ status }) => status)).toEqual([0, 0, 0]);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const tokens = lines.map((line) => line.split(' ')[1]);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['in', 'out', 'in', 'out', 'in', 'out']);
    expect(tokens).toEqual([...tokens].sort());
    expect(new Set(tokens).size).toBe(3);
  }, 120_000);

  it('killed by SIGKILL lets the next in when its TTL has passed, and not before', async () => {
    const ttlMs = 3_000;
    await using first = start(server.url, 'run', 'killed', '--ttl', '3s', '--', 'sh', '-c', LOOP);
    const [, pid] = await first.printed(/ready (\d+)/);
    try {
      await using second = start(server.url, 'run', 'killed', '--', 'echo', 'in');
      await until(async () => (await waiters('killed')) === 1, {
        what: 'the second in line',
        timeout: 40_000,
      });
      first.kill('SIGKILL');
      await first.gone;
      const { holders } = await client.creator('killed').inspect();
      const killedAt = performance.now();
      expect(second.stdout).toBe('');
      await second.printed('in');
      const waited = performance.now() - killedAt;
      expect(waited).toBeGreaterThan(holders[0]!.remainingTtl - 50);
      expect(waited).toBeLessThan(ttlMs + 5_000);
      expect(await second.exit).toBe(0);
    } finally {
      // What it ran goes on.
      process.kill(-Number(pid), 'SIGKILL');
    }
  }, 120_000);

  it('keeps the lock for longer than its TTL', async () => {
    await using line = start(server.url, 'run', 'long', '--ttl', '2s', '--', 'sh', '-c', LOOP);
    await line.printed('ready');
    const [first] = (await client.creator('long').inspect()).holders;
    const other = client.creator('long').acquire(10_000, 5_000);
    await expect(other).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    expect((await client.creator('long').inspect()).holders[0]?.owner).toBe(first?.owner);
    line.kill('SIGTERM');
    expect(await line.exit).toBe(143);
    expect(await isFree('long')).toBe(true);
  }, 120_000);

  it('asks the command to end when the lock is lost, and exits with 76', async () => {
    const script = `trap "echo asked; exit 5" TERM; ${LOOP}`;
    await using line = start(server.url, 'run', 'lost', '--', 'sh', '-c', script);
    await line.printed('ready');
    await client.creator('lost').forceRelease();
    expect(await line.exit).toBe(76);
    expect(line.stdout).toContain('asked');
    // Who could not hear of it yet finds the lease gone. The shell says something of its own about the pause that was ended with it.
    expect(line.stderr.split('\n')[0]).toMatch(
      /^batonlock: lock "lost" was lost: (somebody released it by force|the server no longer knows .*); the command is ended$/,
    );
  }, 120_000);

  it('kills a command that does not end, with all that it has started', async () => {
    const script = `trap "" TERM; sleep 300 & echo child $!; ${LOOP}`;
    const args = ['run', 'stubborn', '--ttl', '10s', '--grace', '300ms', '--', 'sh', '-c', script];
    await using line = start(server.url, ...args);
    const [, child] = await line.printed(/child (\d+)/);
    const [, pid] = await line.printed(/ready (\d+)/);
    expect([isAlive(Number(pid)), isAlive(Number(child))]).toEqual([true, true]);
    await client.creator('stubborn').forceRelease();
    expect(await line.exit).toBe(76);
    await until(() => !isAlive(Number(pid)) && !isAlive(Number(child)), { what: 'the end of both' });
  }, 120_000);

  it('leaves nothing behind of a command that ends when it is asked to', async () => {
    const script = `(trap "" TERM; echo deaf; exec sleep 300) & echo child $!; trap "exit 0" TERM; ${LOOP}`;
    await using line = start(server.url, 'run', 'parent', '--grace', '1h', '--', 'sh', '-c', script);
    const [, child] = await line.printed(/child (\d+)/);
    await line.printed('deaf');
    await line.printed('ready');
    await client.creator('parent').forceRelease();
    expect(await line.exit).toBe(76);
    await until(() => !isAlive(Number(child)), { what: 'its end' });
  }, 120_000);

  it.each([
    ['that gives way to it', (work: string) => `exec ${work}`],
    ['that traps SIGTERM', (work: string) => `trap "exit 143" TERM; ${work}; echo more`],
  ])(
    'lets what a shell runs clean up, of a shell %s',
    async (_, shell) => {
      const file = join(folder, 'work.sh');
      writeFileSync(file, `trap "sleep 0.3; echo clean; exit 0" TERM; ${LOOP}`);
      await using line = start(
        server.url,
        'run',
        'work',
        '--grace',
        '1h',
        '--',
        'sh',
        '-c',
        shell(`sh ${file}`),
      );
      await line.printed('ready');
      await client.creator('work').forceRelease();
      expect(await line.exit).toBe(76);
      expect(line.lines.slice(1)).toEqual(['clean']);
    },
    120_000,
  );

  it('exits with 76 when the server has lost the lease, also when the command succeeds', async () => {
    const script = 'echo ready; read line; exit 0';
    await using line = start(server.url, 'run', 'forgotten', '--ttl', '1h', '--', 'sh', '-c', script);
    await line.printed('ready');
    // Nobody is told: the release finds out, or the look that follows as soon as a release by force could be heard of.
    await redis.del('baton:{forgotten}');
    line.type('go on\n');
    expect(await line.exit).toBe(76);
    expect(line.stderr).toMatch(
      /lock "forgotten" was lost: (the server no longer knows the lease as ours|somebody released it by force)/,
    );
  }, 120_000);

  it('hands signals on to the command', async () => {
    const script = `trap "echo usr1" USR1; trap "echo hup" HUP; trap "echo term; exit 7" TERM; ${LOOP}`;
    await using line = start(server.url, 'run', 'signals', '--', 'sh', '-c', script);
    await line.printed('ready');
    line.kill('SIGUSR1');
    await line.printed('usr1');
    line.kill('SIGHUP');
    await line.printed('hup');
    line.kill('SIGTERM');
    expect(await line.exit).toBe(7);
    expect(line.lines.slice(1)).toEqual(['usr1', 'hup', 'term']);
    expect(await isFree('signals')).toBe(true);
  }, 120_000);

  it('on a terminal lets Ctrl-C reach the command once, which can read what is typed', async () => {
    const script =
      'trap "echo interrupted; n=x\\$n" INT; read line; echo "read $line"; read line; echo "$n."';
    await using line = startOnTerminal(
      server.url,
      'run',
      'terminal',
      '--',
      'bash',
      '-c',
      `echo ready; ${script}`,
    );
    await line.printed('ready');
    line.type('hello\n');
    await line.printed('read hello');
    line.type('\x03');
    await line.printed('interrupted');
    line.type('done\n');
    expect(await line.exit).toBe(0);
    expect(line.stdout.match(/interrupted/g)).toHaveLength(1);
  }, 120_000);

  it('leaves the line when it is interrupted while it waits', async () => {
    const held = await client.creator('wanted').acquire(60_000);
    await using line = start(server.url, 'run', 'wanted', '--', 'echo', 'never');
    await until(async () => (await waiters('wanted')) === 1, { what: 'its place', timeout: 40_000 });
    line.kill('SIGTERM');
    expect(await line.exit).toBe(143);
    expect(await waiters('wanted')).toBe(0);
    expect(line.stdout).toBe('');
    await held.release();
  }, 120_000);

  it.each([
    { args: ['--no-wait'], status: 75 },
    { args: ['--wait', '3s'], status: 75 },
    { args: ['--no-wait', '-E', '9'], status: 9 },
  ])(
    'exits with $status when the lock is not to be had: $args',
    async ({ args, status }) => {
      await using _held = await client.creator('taken').acquire(120_000);
      const line = await run(server.url, 'run', 'taken', ...args, '--', 'echo', 'never');
      expect(line.status).toBe(status);
      expect(line.stdout).toBe('');
      expect(line.stderr).toMatch(/^batonlock: lock "taken" was not granted within \d+ ms\n$/);
    },
    120_000,
  );

  it('tells what happens as JSON on stderr, and leaves stdout to the command', async () => {
    const { status, stdout, stderr } = await run(server.url, 'run', 'told', '--json', '--', 'echo', '--json');
    expect([status, stdout]).toEqual([0, '--json\n']);
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(events).toEqual([
      { event: 'granted', name: 'told', fencingToken: expect.any(Number) as number },
      { event: 'ended', name: 'told', status: 0 },
    ]);
  }, 120_000);

  it.each([
    ['what is not there', 'no-such-command', 127],
    ['nothing', '', 127],
    ['no program', './README.md', 126],
    ['a file as a folder', './README.md/command', 126],
    ['too long a name', 'x'.repeat(300), 126],
  ])(
    'says what it cannot run, as a shell does, and gives the lock back: %s',
    async (_, command, status) => {
      const line = await run(server.url, 'run', 'missing', '--', command);
      expect([line.status, line.stderr]).toEqual([
        status,
        expect.stringMatching(new RegExp(`^batonlock: cannot run ${command}: .*\n$`)),
      ]);
      expect(await isFree('missing')).toBe(true);
    },
    120_000,
  );
});

import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeText } from '../../src/cli/watch.ts';
import { LockClient } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';
import { run, start, startOnTerminal } from './command-line.ts';

let server: RedisServer;
let client: LockClient;
beforeAll(async () => {
  server = await startRedis();
  client = new LockClient(server.url);
});
afterAll(async () => {
  await client.close();
  await server.stop();
});

const ESCAPE = '\x1b[';

describe('batonlock ls', () => {
  it('is a table without colours when piped, and with some on a terminal', async () => {
    const lock = await client.creator('ls:one\x1b[31m').acquire(60_000);
    const piped = await run(server.url, 'ls', 'ls:*');
    const [head, line, ...more] = piped.lines;
    expect(more).toEqual([]);
    expect(head?.split(/ {2,}/)).toEqual(['NAME', 'HOLDER', 'HELD FOR', 'TTL LEFT', 'WAITERS']);
    const [client1 = ''] = lock.owner.split(':');
    expect(line?.split(/ {2,}/).slice(0, 2)).toEqual(['ls:one\\u{1b}[31m', client1]);
    expect(piped.stdout).not.toContain(ESCAPE);
    await using line2 = startOnTerminal(server.url, 'ls', 'ls:*');
    expect(await line2.exit).toBe(0);
    expect(line2.stdout).toContain(`${ESCAPE}1mNAME`);
    expect(line2.stdout).not.toContain(`${ESCAPE}31m`);
    await lock.release();
  }, 120_000);

  it('shows escaped what a holder has put into its owner id', async () => {
    const lock = await client.creator('hostile').acquire(60_000);
    const redis = new Redis(server.url);
    const record = (await redis.get('baton:{hostile}')) ?? '';
    await redis.set('baton:{hostile}', record.replace(lock.owner, 'h\x1b[31m.1.a:1:60000'), 'KEEPTTL');
    redis.disconnect();
    const { status, stdout } = await run(server.url, 'ls', 'hostile');
    expect([status, stdout]).toEqual([0, expect.stringContaining('h\\u{1b}[31m.1.a')]);
    expect(stdout).not.toContain(ESCAPE);
    await client.creator('hostile').forceRelease();
  }, 120_000);
});

describe('batonlock inspect', () => {
  it('shows who holds a lock', async () => {
    const lock = await client.semaphore('inspected', 5).acquire(60_000, 0, { units: 2 });
    const text = await run(server.url, 'inspect', 'inspected');
    expect([text.status, text.lines[0]]).toEqual([0, 'inspected: 2 of 5 units are out, 0 waiters']);
    expect(text.stdout).toContain(String(lock.fencingToken));
    const [state] = (await run(server.url, 'inspect', 'inspected', '--json')).json;
    expect(state).toMatchObject({
      name: 'inspected',
      capacity: 5,
      holders: [{ owner: lock.owner, units: 2 }],
    });
    await lock.release();
    expect((await run(server.url, 'inspect', 'inspected')).stdout).toBe('inspected: free, 0 waiters\n');
  }, 120_000);

  it('is had on an engine that cannot list', async () => {
    expect((await run('memory:', 'inspect', 'nobody')).stdout).toBe('nobody: free, 0 waiters\n');
  }, 120_000);
});

describe('batonlock watch', () => {
  it('prints one line for each change', async () => {
    await using line = start(server.url, 'watch', 'watched', '--json');
    await line.printed('\n');
    const lock = await client.creator('watched').acquire(60_000);
    await until(() => line.lines.length === 2, { what: 'the grant', timeout: 40_000 });
    await lock.release();
    await until(() => line.lines.length === 3, { what: 'the release', timeout: 40_000 });
    const held = { holders: [{ owner: lock.owner }] };
    expect(line.json).toMatchObject([{ holders: [] }, held, { holders: [] }]);
    line.kill('SIGINT');
    expect(await line.exit).toBe('SIGINT');
  }, 120_000);

  it('says in words what has changed', () => {
    const holder = { owner: 'h.1.a:1:9000', client: 'h.1.a', units: 1, remainingTtl: 9_000 };
    const free = { name: 'x', capacity: 1, holders: [], waiters: 0 };
    const held = { ...free, holders: [{ ...holder, fencingToken: 7 }], waiters: 1 };
    const both = { ...held, holders: [...held.holders, { ...holder, fencingToken: 8 }] };
    expect(changeText(undefined, held)).toBe('held by h.1.a (token 7, for 9.0 s); 1 waiter');
    expect(changeText(free, held)).toBe('granted to h.1.a (token 7, for 9.0 s); 1 waiter');
    expect(changeText(held, both)).toBe('granted to h.1.a (token 8, for 9.0 s); 2 holders, 1 waiter');
    expect(changeText(both, held)).toBe('given back by one; 1 waiter');
    expect(changeText(held, free)).toBe('free; 0 waiters');
  });
});

describe('batonlock break', () => {
  it('takes a lock from its holder, who learns of it', async () => {
    const lock = await client.creator('broken').acquire(60_000);
    const lost = new Promise((resolve) => lock.signal.addEventListener('abort', resolve));
    expect(await run(server.url, 'break', 'broken', '--yes')).toMatchObject({
      status: 0,
      stdout: 'taken from its holder: broken\n',
    });
    await lost;
    expect(await run(server.url, 'break', 'broken', '--yes', '--json')).toMatchObject({
      status: 1,
      stdout: '{"name":"broken","broken":false}\n',
    });
  }, 120_000);

  it.each([
    ['y\n', 0, false],
    ['n\n', 1, true],
    ['\n', 1, true],
    ['\x03', 1, true],
    ['\x04', 1, true],
  ])(
    'asks first on a terminal, and heeds the answer: %j',
    async (answer, status, kept) => {
      const lock = await client.creator('asked').acquire(60_000);
      await using line = startOnTerminal(server.url, 'break', 'asked');
      await line.printed('Take it from them? [y/N]');
      line.type(answer);
      expect(await line.exit).toBe(status);
      expect(line.stdout).toContain(kept ? 'left as it is' : 'taken from its holder');
      expect(line.stdout).not.toMatch(/^\s+at /m);
      expect(await lock.isHeld()).toBe(kept);
      await client.creator('asked').forceRelease();
    },
    60_000,
  );
});

describe('batonlock counter', () => {
  it('reads, sets and awaits', async () => {
    expect(await run(server.url, 'counter', 'get', 'batch')).toMatchObject({ status: 1, stdout: '' });
    expect(await run(server.url, 'counter', 'wait', 'batch')).toMatchObject({ status: 1 });
    expect(await run(server.url, 'counter', 'set', 'batch', '2', '--ttl', '1m')).toMatchObject({
      status: 0,
      stdout: '',
    });
    expect(await run(server.url, 'counter', 'get', 'batch')).toMatchObject({ status: 0, stdout: '2\n' });
    expect((await run(server.url, 'counter', 'get', 'batch', '--json')).json).toEqual([
      { name: 'batch', value: 2 },
    ]);
    expect((await run(server.url, 'counter', 'wait', 'batch', '--wait', '3s')).status).toBe(75);
    await using waiting = start(server.url, 'counter', 'wait', 'batch', '--json');
    await client.counter('batch', { ttl: 60_000 }).decrement(2);
    expect(await waiting.exit).toBe(0);
    expect(waiting.json).toEqual([{ name: 'batch', value: 0 }]);
  }, 120_000);
});

describe('batonlock demo', () => {
  it('shows without a server what a lock is good for', async () => {
    const { status, stdout } = await run('', 'demo');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ {3}sold 48 of 12 seats/m);
    expect(stdout).toMatch(/^ {3}sold 12 of 12 seats, 11 handoffs/m);
    expect(stdout).toContain('refused, her token is lower than one that was seen');
    expect((await run('', 'demo', '--json')).json).toEqual([
      { seats: 12, soldWithout: 48, soldWith: 12, handoffs: 11, lateWriteRefused: true },
    ]);
  }, 120_000);
});

describe('batonlock top', () => {
  it('prints a picture when piped, with the rate of handoffs that the server tells', async () => {
    let stopped = false;
    const busy = client.creator('top:busy');
    const compete = async (): Promise<void> => {
      while (!stopped) {
        const lock = await busy.acquire(60_000);
        // Only with somebody in line, so that it is never free: a look at all locks in such a moment does not find it.
        while (!stopped && (await busy.inspect()).waiters === 0);
        await lock.release();
      }
    };
    const competing = [compete(), compete()];
    await client.creator('top:idle').acquire(60_000);
    const { status, json } = await run(
      server.url,
      'top',
      'top:*',
      '--json',
      '--interval',
      '500ms',
      '--count',
      '2',
    );
    stopped = true;
    await Promise.all(competing);
    expect(status).toBe(0);
    expect(json).toHaveLength(2);
    const [, last] = json as { locks: number; rows: { name: string; handoffsPerSecond: number }[] }[];
    const rates = Object.fromEntries(
      last!.rows.map(({ name, handoffsPerSecond }) => [name, handoffsPerSecond]),
    );
    expect(rates['top:idle']).toBe(0);
    expect(rates['top:busy']).toBeGreaterThan(10);
    const text = await run(server.url, 'top', 'top:idle', '--interval', '100ms');
    expect(text.lines[0]).toBe('1 locks, 0 waiters');
    expect(text.lines[2]).toMatch(/^top:idle .* █/);
    expect(text.stdout).not.toContain(ESCAPE);
  }, 120_000);

  it('breaks the selected lock on a terminal, when told so twice', async () => {
    const lock = await client.creator('top-break').acquire(60_000);
    await using line = startOnTerminal(server.url, 'top', 'top-break');
    await line.printed('top-break ');
    line.type('jb');
    await line.printed('Break it? [y/N]');
    line.type('n');
    line.type('i');
    await line.printed(`${lock.fencingToken}`);
    expect(await lock.isHeld()).toBe(true);
    line.type('by');
    await line.printed('taken from its holder: top-break');
    expect(await lock.isHeld()).toBe(false);
    line.type('\x03');
    expect(await line.exit).toBe(0);
  }, 120_000);
});

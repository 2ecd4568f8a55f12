import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockClient, redisBackend } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { run, start, startOnTerminal } from './command-line.ts';

const LOCKS = 100_000;
const AT_ONCE = 1_000;
/** How long a SCAN may keep the server busy on average, in µs: one look at all keys at once takes several times as long. */
const LONGEST_US = 10_000;

let server: RedisServer;
let redis: Redis;
let client: LockClient;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  client = new LockClient(redisBackend(server.url, { commandTimeout: 30_000 }));
  for (let made = 0; made < LOCKS; made += AT_ONCE) {
    const names = Array.from({ length: AT_ONCE }, (_, index) => `orders:${made + index}`);
    await Promise.all(names.map((name) => client.creator(name).acquire(3_600_000)));
  }
}, 120_000);
afterAll(async () => {
  await client.close({ release: false });
  redis.disconnect();
  await server.stop();
});

/** How often the server was sent a command. */
async function calls(command: string): Promise<number> {
  const found = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.info('commandstats'));
  return Number(found?.[1] ?? 0);
}

/** How long the server has taken for one of a command, on average. */
async function microseconds(command: string): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:.*usec_per_call=([\\d.]+)`).exec(stats)?.[1]);
}

describe('with 100 000 locks', () => {
  it('ls lists them all, page by page, and never holds up the server', async () => {
    await redis.config('RESETSTAT');
    await using line = start(server.url, 'ls', '--json');
    await line.printed('\n');
    // The first are there before the last have been asked for.
    expect(line.lines.length).toBeLessThan(LOCKS / 2);
    expect(await line.exit).toBe(0);
    const names = new Set(line.json.map((lock) => (lock as { name: string }).name));
    expect(names.size).toBe(LOCKS);
    expect(line.lines).toHaveLength(LOCKS);
    expect(await calls('keys')).toBe(0);
    expect(await calls('scan')).toBeGreaterThanOrEqual(LOCKS / AT_ONCE);
    expect(await microseconds('scan')).toBeLessThan(LONGEST_US);
  }, 120_000);

  it('ls asks for no more than the pattern says, and sorts what it finds', async () => {
    const { status, lines } = await run(server.url, 'ls', 'orders:1234?');
    expect(status).toBe(0);
    expect(lines.slice(1).map((line) => line.split(' ')[0])).toEqual(
      Array.from({ length: 10 }, (_, index) => `orders:1234${index}`),
    );
  }, 60_000);

  it('ls stops when nobody reads on', async () => {
    await using line = start(server.url, 'ls', '--json');
    await line.printed('\n');
    line.stopReading();
    expect(await line.exit).toBe(0);
  }, 60_000);

  it('top shows the first before it knows all, answers to keys meanwhile, and gives the terminal back', async () => {
    await redis.config('RESETSTAT');
    await using line = startOnTerminal(server.url, 'top');
    const [, shown] = await line.printed(/batonlock top {3}(\d+) locks(?:(?!batonlock top)[\s\S])*orders:/);
    expect(Number(shown)).toBeLessThan(LOCKS);
    line.type('s');
    await line.printed('by handoffs');
    await line.printed(`${LOCKS} locks`);
    // The order is by name now, in which this is the first.
    line.type('s');
    await line.printed('by name');
    await line.printed(/orders:0 /);
    line.type('q');
    expect(await line.exit).toBe(0);
    // The other screen, and the cursor.
    expect(line.stdout.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
    expect(await calls('keys')).toBe(0);
    expect(await microseconds('scan')).toBeLessThan(LONGEST_US);
  }, 120_000);
});

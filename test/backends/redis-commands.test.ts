import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockClient, LockCreator } from '../../src/index.ts';
import { type ClientProcess, spawnClient } from '../support/client-process.ts';
import { countByName, recordCommands, type WireCommand } from '../support/commands.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';
import type { FromContenders, ToContenders } from './contenders.client.ts';

const PROCESSES = 4;
const WORKERS = 100;
const ROUNDS = 5;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Runs of one script, by what follows its hash: the keys and arguments. */
function runsOf({ sha }: { sha: string }, commands: readonly WireCommand[]): string[] {
  return commands.filter(({ text }) => text.startsWith(`"evalsha" "${sha}"`)).map(({ text }) => text);
}

describe('400 contenders in 4 processes', () => {
  const clients: ClientProcess<FromContenders, ToContenders>[] = [];
  let commands: WireCommand[];
  let grants: { owner: string; fencingToken: number }[];

  beforeAll(async () => {
    const file = new URL('./contenders.client.ts', import.meta.url);
    for (let process = 0; process < PROCESSES; process++) {
      clients.push(spawnClient(file, { args: [server.url] }));
    }
    await Promise.all(clients.map((client) => client.next('ready')));
    const recorder = await recordCommands(server);
    for (const client of clients) {
      client.send({ type: 'go', name: 'contended', workers: WORKERS, rounds: ROUNDS });
    }
    const done = await Promise.all(clients.map((client) => client.next('done', 60_000)));
    commands = await recorder.stop();
    grants = done.flatMap((message) => message.grants).sort((a, b) => a.fencingToken - b.fencingToken);
  });
  afterAll(() => Promise.all(clients.map((client) => client.stop())));

  it('cost exactly two commands for each acquisition', () => {
    const acquisitions = PROCESSES * WORKERS * ROUNDS;
    expect(grants).toHaveLength(acquisitions);
    expect(runsOf(scripts.acquire, commands)).toHaveLength(acquisitions);
    expect(runsOf(scripts.release, commands)).toHaveLength(acquisitions);
    expect(countByName(commands)).toEqual({ evalsha: 2 * acquisitions });
  });

  it('are granted in the order in which their requests reached the server', () => {
    const arrivals = runsOf(scripts.acquire, commands).map((text) => text.split('" "')[5]);
    expect(grants.map(({ owner }) => owner)).toEqual(arrivals);
  });

  it('never get the same fencing token', () => {
    expect(new Set(grants.map(({ fencingToken }) => fencingToken)).size).toBe(grants.length);
  });
});

it('sends nothing but the refreshes while 1 000 waiters wait for 5 s', async () => {
  await using holding = new LockClient(server.url);
  await using waiting = new LockClient(server.url);
  // Refreshed twice within the 5 s; the waiters' first look at the lease would be due after 6 s.
  const lock = (await holding.creator('held').acquire(6_000)).autoRefresh();
  await lock.refresh(); // The server learns the script at its first use.
  const creator = waiting.creator('held');
  const abort = new AbortController();
  const waits = Array.from({ length: 1_000 }, () =>
    creator.acquire(30_000, 60_000, { signal: abort.signal }).catch((reason: unknown) => reason),
  );
  await until(async () => (await creator.inspect()).waiters === 1_000, { what: '1 000 waiters in line' });
  const recorder = await recordCommands(server);
  const end = performance.now() + 5_000;
  await until(() => performance.now() >= end, { what: '5 s to pass' });
  const commands = await recorder.stop();
  expect(runsOf(scripts.refresh, commands).length).toBeGreaterThanOrEqual(2);
  expect(countByName(commands)).toEqual({ evalsha: runsOf(scripts.refresh, commands).length });
  lock.assertHeld();
  abort.abort('enough');
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['enough']));
});

it('needs one command for a refresh, one to acquire a free lock and one to release it', async () => {
  await using client = new LockClient(server.url);
  const creator = client.creator('free');
  await (await creator.acquire(30_000)).release();
  const recorder = await recordCommands(server);
  const lock = await creator.acquire(30_000, 3_000);
  expect(countByName(await recorder.take())).toEqual({ evalsha: 1 });
  await lock.refresh();
  expect(countByName(await recorder.take())).toEqual({ evalsha: 1 });
  await lock.release();
  expect(countByName(await recorder.stop())).toEqual({ evalsha: 1 });
});

it('opens no second connection until somebody has to wait, and then one for all creators', async () => {
  const redis = new Redis(server.url);
  const counting = new Redis(server.url);
  const connections = async () => (await counting.client('LIST')) as string;
  const count = async () => (await connections()).trim().split('\n').length;
  await redis.ping();
  const before = await count();
  const creators = Array.from({ length: 20 }, (_, i) => new LockCreator(`many-${i}`, redis));
  const locks = await Promise.all(creators.map((creator) => creator.acquire(30_000, 3_000)));
  expect(await count()).toBe(before);
  const waits = creators.map((creator) => creator.acquire(30_000, 3_000));
  await until(async () => (await creators[19]!.inspect()).waiters === 1, { what: 'the last one to queue' });
  expect(await count()).toBe(before + 1);
  await Promise.all(locks.map((lock) => lock.release()));
  for (const lock of await Promise.all(waits)) await lock.release();
  await Promise.all(creators.slice(1).map((creator) => creator.close()));
  expect(await count()).toBe(before + 1);
  await creators[0]!.close();
  await until(async () => (await count()) === before, { what: 'the subscriber to be gone' });
  expect(redis.status).toBe('ready');
  redis.disconnect();
  counting.disconnect();
});

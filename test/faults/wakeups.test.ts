import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockClient, type LockState } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { recordCommands } from '../support/commands.ts';
import { startListener } from '../support/listener.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

// Leases and safety nets are longer than any test here may take: who is woken was told.
const TTL = 60_000;
const WAIT = 20_000;

let server: RedisServer;
let redis: Redis;
let proxy: FaultProxy;
let holder: LockClient;
const endings: (() => unknown)[] = [];
beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  proxy = await startProxy(server);
  holder = new LockClient(server.url);
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
  await holder.close();
  redis.disconnect();
  await proxy.stop();
  await server.stop();
});

/** A client whose subscriber goes through the proxy, and nothing else. */
function splitClient(options: ConstructorParameters<typeof SplitRedis>[1] = {}): LockClient {
  const split = new SplitRedis({ commands: server.port, subscriber: proxy.port }, options);
  split.on('error', () => {});
  const client = new LockClient(split);
  endings.push(
    () => client.close(),
    () => split.disconnect(),
  );
  return client;
}

async function queued(count: number, name = 'handed'): Promise<void> {
  await until(async () => (await holder.creator(name).inspect()).waiters === count, {
    what: `${count} in line`,
  });
}

async function listening(count: number): Promise<void> {
  await until(async () => ((await redis.pubsub('SHARDCHANNELS', '*inbox*')) as string[]).length === count, {
    what: `${count} open inboxes`,
  });
}

it('row 19: a release between a refused try and the subscription is not missed', async () => {
  const lock = await holder.creator('handed').acquire(TTL);
  proxy.stall();
  const recorder = await recordCommands(server);
  const waiting = splitClient().creator('handed').acquire(TTL, WAIT);
  await until(async () => (await recorder.take()).some(({ text }) => text.includes('"try"')), {
    what: 'the try',
  });
  await lock.release();
  expect((await holder.creator('handed').inspect()).waiters).toBe(0);
  proxy.flow();
  expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
  recorder.close();
});

describe('row 20: the subscriber link drops alone', () => {
  it('costs nobody the lock: who was deaf asks again when it hears', async () => {
    const lock = await holder.creator('handed').acquire(TTL);
    const waiting = splitClient().creator('handed').acquire(TTL, WAIT);
    await queued(1);
    proxy.refuse();
    proxy.cut();
    await listening(0);
    await lock.release();
    expect(await holder.creator('handed').isLocked()).toBe(false);
    proxy.accept();
    expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
  });

  it('costs nobody the place in line', async () => {
    const creator = holder.creator('handed');
    const lock = await creator.acquire(TTL);
    const order: string[] = [];
    const note = (who: string) => (granted: Lock) => {
      order.push(who);
      return granted;
    };
    const deaf = splitClient().creator('handed').acquire(TTL, WAIT).then(note('first'));
    await queued(1);
    const second = creator.acquire(TTL, WAIT).then(note('second'));
    await queued(2);
    const third = creator.acquire(TTL, WAIT).then(note('third'));
    await queued(3);
    proxy.refuse();
    proxy.cut();
    await listening(1);
    await lock.release();
    const granted = await second;
    await queued(1);
    proxy.accept();
    await queued(2);
    await granted.release();
    await (await deaf).release();
    await (await third).release();
    expect(order).toEqual(['second', 'first', 'third']);
  });

  it('costs nobody the lock who has not been told of a place yet', async () => {
    const slow = await startProxy(server);
    endings.push(() => slow.stop());
    const split = new SplitRedis({ commands: slow.port, subscriber: proxy.port });
    const client = new LockClient(split);
    endings.push(
      () => client.close(),
      () => split.disconnect(),
    );
    const opener = await client.creator('opener').acquire(TTL);
    const opening = client.creator('opener').acquire(TTL, WAIT);
    await listening(1);
    await queued(1, 'opener');
    const lock = await holder.creator('handed').acquire(TTL);
    slow.stallReplies();
    const waiting = client.creator('handed').acquire(TTL, WAIT);
    await queued(1);
    proxy.refuse();
    proxy.cut();
    await listening(0);
    await lock.release();
    await queued(0);
    proxy.accept();
    await listening(1);
    slow.flow();
    expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
    await opener.release();
    await opening;
  });

  it.each([1, 30])('survives CLIENT KILL TYPE pubsub, %i waiters', async (count) => {
    const lock = await holder.creator('handed').acquire(TTL);
    const creator = splitClient({ keyPrefix: 'app:' }).creator('unrelated');
    const opener = await creator.acquire(TTL);
    creator.acquire(TTL, WAIT).catch(() => {});
    const waits = Array.from({ length: count }, () => holder.creator('handed').acquire(TTL, WAIT));
    await queued(count);
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await lock.release();
    for (const waiting of waits) await (await waiting).release();
    await opener.release();
  });
});

it('row 21: without a command link nothing spins, and waiting goes on when it is back', async () => {
  const lock = await holder.creator('handed').acquire(TTL);
  const split = new SplitRedis(
    { commands: proxy.port, subscriber: server.port },
    { enableOfflineQueue: false },
  );
  split.on('error', () => {});
  await until(() => split.status === 'ready', { what: 'the connection' });
  let sent = 0;
  const evalsha = split.evalsha.bind(split);
  split.evalsha = ((...args: Parameters<typeof evalsha>) => {
    sent += 1;
    return evalsha(...args);
  }) as typeof split.evalsha;
  const client = new LockClient(split);
  endings.push(
    () => client.close(),
    () => split.disconnect(),
  );
  const patient = client.creator('handed').acquire(TTL, WAIT);
  await queued(1);
  proxy.refuse();
  proxy.cut();
  await until(() => split.status === 'reconnecting', { what: 'the link to be down' });
  sent = 0;
  const late = client.creator('handed').acquire(TTL, WAIT);
  const end = performance.now() + 1_000;
  await until(() => performance.now() > end, { what: 'a second without a link' });
  expect(sent).toBeLessThanOrEqual(3);
  proxy.accept();
  await queued(2);
  await lock.release();
  await (await patient).release();
  await (await late).release();
});

it('row 22: a grant that the half-open subscriber never delivers is found by the poke', async () => {
  const lock = await holder.creator('handed').acquire(600);
  const waiting = splitClient().creator('handed').acquire(TTL, WAIT);
  await queued(1);
  proxy.stall();
  await lock.release();
  const granted = await waiting;
  expect(await holder.creator('handed').owner()).toBe(granted.owner);
  expect(granted.remaining).toBeLessThan(TTL - 602);
});

it('row 24: a resubscription that is refused ends neither the process nor the wait', async () => {
  await redis.call('ACL', 'SETUSER', 'waiter', 'on', '>secret', '~*', '&*', '+@all');
  const lock = await holder.creator('handed').acquire(700);
  const client = splitClient({ username: 'waiter', password: 'secret' });
  const first = client.creator('handed').acquire(TTL, WAIT);
  const second = client.creator('handed').acquire(TTL, WAIT);
  await queued(2);
  await redis.call('ACL', 'SETUSER', 'waiter', 'resetchannels');
  await listening(0);
  // Its place was dropped with its ears; the poke finds the lock free when the lease has run out.
  await lock.release();
  const granted = await first;
  expect(granted.fencingToken).toBeGreaterThan(lock.fencingToken);
  await redis.call('ACL', 'SETUSER', 'waiter', 'allchannels');
  await listening(1);
  await granted.release();
  await (await second).release();
  // A client that has never been heard is told what is wrong.
  await redis.call('ACL', 'SETUSER', 'waiter', 'resetchannels');
  const blocker = await holder.creator('handed').acquire(TTL);
  const refused = splitClient({ username: 'waiter', password: 'secret' })
    .creator('handed')
    .acquire(TTL, WAIT);
  await expect(refused).rejects.toMatchObject({
    code: 'ERR_LOCK_BACKEND',
    reason: 'denied',
    retryable: false,
  });
  await blocker.release();
});

describe('after CLIENT KILL TYPE pubsub', () => {
  it('row 26: a key prefix does not come twice', async () => {
    const client = splitClient({ keyPrefix: 'app:' });
    const creator = client.creator('handed');
    const lock = await creator.acquire(TTL);
    const waiting = creator.acquire(TTL, WAIT);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
    const channels = await redis.pubsub('SHARDCHANNELS');
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await listening(1);
    expect(await redis.pubsub('SHARDCHANNELS')).toEqual(channels);
    await lock.release();
    await (await waiting).release();
  });

  it('row 27: names that are not ASCII are still watched', async () => {
    const client = splitClient();
    const creator = client.creator('Grüße 🔒 漢字');
    const states: LockState[] = [];
    const watching = (async () => {
      for await (const state of creator.watch()) if (states.push(state) === 3) return;
    })();
    await until(() => states.length === 1, { what: 'the first state' });
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(
      async () => ((await redis.pubsub('SHARDCHANNELS')) as string[]).some((name) => name.includes('漢字')),
      {
        what: 'the subscription',
      },
    );
    const lock = await creator.acquire(TTL);
    await lock.release();
    await watching;
    expect(states.map(({ holders }) => holders.length)).toEqual([0, 1, 0]);
  });
});

describe('row 29: the head of the line is dead', () => {
  it.each([false, true])(
    'and is passed over, while somebody watches with PSUBSCRIBE *: %s',
    async (watched) => {
      if (watched) {
        const debug = await startListener(server.url);
        endings.push(() => debug.disconnect());
        await debug.psubscribe('*');
      }
      const lock = await holder.creator('handed').acquire(TTL);
      const file = new URL('./waiting.client.ts', import.meta.url);
      await using dying = spawnClient(file, { args: [server.url, 'handed', '20'] });
      await queued(20);
      const waiting = splitClient().creator('handed').acquire(TTL, WAIT);
      await queued(21);
      await dying.stop();
      await listening(1);
      await lock.release();
      expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
      await queued(0);
    },
  );
});

it('row 32: a release is told to the next in line and to nobody else', async () => {
  const lock = await holder.creator('handed').acquire(TTL);
  const clients = [splitClient(), splitClient(), splitClient()];
  const abort = new AbortController();
  const waits = clients.flatMap((client) =>
    Array.from({ length: 40 }, () => client.creator('handed').acquire(TTL, WAIT, { signal: abort.signal })),
  );
  const settled = Promise.allSettled(waits);
  await queued(120);
  const spy = await startListener(server.url);
  endings.push(() => spy.disconnect());
  const messages: string[] = [];
  spy.on('smessage', (_channel, message) => messages.push(message));
  await spy.ssubscribe(...((await redis.pubsub('SHARDCHANNELS', '*inbox*')) as string[]));
  await lock.release();
  await Promise.race(waits);
  await queued(119);
  await until(() => messages.length > 0, { what: 'the message' });
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatch(/^granted /);
  abort.abort();
  await settled;
});

it('row 30: a grant that nobody waits for any more is passed on at once', async () => {
  const lock = await holder.creator('surplus').acquire(TTL);
  const waiting = holder.creator('surplus').acquire(TTL, WAIT);
  await queued(1, 'surplus');
  await lock.release();
  await (await waiting).release();
  // As an acquire that the server runs only after it was given up: nobody here knows this owner id.
  const owner = `${lock.owner.split(':')[0]}:zz:${TTL}`;
  const fence = String(Date.now() * 1_000);
  const [channel = ''] = (await redis.pubsub('SHARDCHANNELS', '*inbox*')) as string[];
  await redis.set('baton:{surplus}', `${fence} ${Date.now() + TTL} ${owner}`);
  await redis.spublish(channel, `granted ${owner} ${fence} ${fence} baton:{surplus}`);
  await until(async () => !(await holder.creator('surplus').isLocked()), { what: 'the lock to be free' });
});

it('a grant that is told twice is kept', async () => {
  const creator = holder.creator('twice');
  const first = await creator.acquire(TTL);
  const waiting = creator.acquire(TTL, WAIT);
  await queued(1, 'twice');
  await first.release();
  const lock = await waiting;
  const [channel = ''] = (await redis.pubsub('SHARDCHANNELS', '*inbox*')) as string[];
  const now = String(Date.now() * 1_000);
  await redis.spublish(channel, `granted ${lock.owner} ${lock.fencingToken} ${now} baton:{twice}`);
  // What is told after that on the same channel has come when this is granted.
  const blocker = await holder.creator('after').acquire(TTL);
  const after = holder.creator('after').acquire(TTL, WAIT);
  await queued(1, 'after');
  await blocker.release();
  await (await after).release();
  expect(await lock.isHeld()).toBe(true);
  await lock.release();
  expect(await creator.isLocked()).toBe(false);
});

it('row 33: a lease that has run out does not let a newcomer overtake the line', async () => {
  const forgotten = await holder.creator('handed').acquire(TTL);
  const first = splitClient().creator('handed').acquire(TTL, WAIT);
  await queued(1);
  const second = holder.creator('handed').acquire(TTL, WAIT);
  await queued(2);
  // The lease ends on the server, and before anybody in line expects it.
  const record = (await redis.get('baton:{handed}')) ?? '';
  await redis.set('baton:{handed}', record.replace(/q\d{13} /, 'q1000000000000 '), 'KEEPTTL');
  const newcomer = await splitClient().creator('handed').tryAcquire(TTL);
  expect(newcomer).toBeNull();
  const granted = await first;
  expect(granted.fencingToken).toBeGreaterThan(forgotten.fencingToken);
  await granted.release();
  await (await second).release();
});

it('row 35: without the right to SPUBLISH the line is kept, and the error names the rule', async () => {
  await redis.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '+@all', 'resetchannels', '&*:events');
  const mute = new Redis(server.port, { username: 'mute', password: 'secret' });
  const muted = new LockClient(mute);
  endings.push(
    () => muted.close(),
    () => mute.disconnect(),
  );
  const lock = await muted.creator('handed').acquire(1_500);
  const waits = [1, 2].map(() => holder.creator('handed').acquire(TTL, WAIT));
  await queued(2);
  const error: unknown = await lock.release().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'denied', lockName: 'handed' });
  expect(String(error)).toContain('+spublish');
  expect(String(error)).toContain('&baton:inbox:*');
  await queued(2);
  expect(await holder.creator('handed').isLocked()).toBe(false);
  await expect(muted.creator('handed').tryAcquire(TTL)).rejects.toMatchObject({ reason: 'denied' });
  await queued(2);
  for (const waiting of waits) await (await waiting).release();
});

it('row 52: a crowd of dead waiters is dropped in bounded steps', async () => {
  const DEAD = 100_000;
  const FEW_MS = 20;
  const lock = await holder.creator('handed').acquire(TTL);
  for (let first = 0; first < DEAD; first += 10_000) {
    const dead = Array.from({ length: 10_000 }, (_, i) => [
      first + i,
      `ghost.1.000000000000:${first + i}:30000`,
    ]);
    await redis.zadd('baton:{handed}:queue', ...dead.flat());
  }
  const waiting = splitClient().creator('handed').acquire(TTL, WAIT);
  await queued(DEAD + 1);
  // What takes longer than any of the calls within a script, with the time it took by the server's own clock.
  await redis.config('SET', 'slowlog-max-len', '1000');
  await redis.config('SET', 'slowlog-log-slower-than', '200');
  await redis.config('RESETSTAT');
  await lock.release();
  await (await waiting).release();
  const stats = await redis.info('commandstats');
  const calls = (name: string) => Number(new RegExp(`_${name}:calls=(\\d+)`).exec(stats)?.[1]);
  // A step for each 1 000, one for the last in line, and the release of that one.
  const steps = DEAD / 1_000 + 2;
  expect(calls('evalsha')).toBe(steps);
  // Each of the dead costs two calls, and so all steps are of one length.
  expect(calls('zpopmin')).toBeLessThanOrEqual(DEAD + steps);
  expect(calls('pubsub\\|shardnumsub')).toBeLessThanOrEqual(DEAD + steps);
  expect(calls('spublish')).toBe(1);
  const log = (await redis.slowlog('GET', 1_000)) as [id: number, at: number, us: number, words: string[]][];
  const took = log.filter(([, , , [, sha]]) => sha === scripts.release.sha).map(([, , us]) => us);
  expect(took.length).toBeGreaterThan(DEAD / 1_000 / 2);
  // The longest may have been that of a machine with other things to do.
  expect(took.toSorted((a, b) => a - b)[took.length >> 1]).toBeLessThan(FEW_MS * 1_000);
  expect((await holder.creator('handed').inspect()).waiters).toBe(0);
});

it('drops a dead crowd in bounded steps also when the lease has run out, however slow the answers', async () => {
  const lock = await holder.creator('handed').acquire(100);
  const dead = Array.from({ length: 3_000 }, (_, i) => [i, `ghost.1.000000000000:${i}:30000`]);
  await redis.zadd('baton:{handed}:queue', ...dead.flat());
  await until(() => lock.remaining === 0, { what: 'the lease to run out' });
  await until(async () => !(await holder.creator('handed').isLocked()), { what: 'the server to agree' });
  await using client = new LockClient(proxy.url);
  await client.creator('warm-up').inspect();
  proxy.delayReplies(80);
  const recorder = await recordCommands(server);
  const next = await client.creator('handed').tryAcquire(TTL);
  expect(next?.fencingToken).toBeGreaterThan(lock.fencingToken);
  const tries = (await recorder.stop()).filter(({ text }) => text.includes(scripts.acquire.sha));
  expect(tries).toHaveLength(3);
  proxy.delayReplies(0);
});

it('pokes no more than once per client, name and lease of the holder', async () => {
  const lock = (await holder.creator('handed').acquire(1_000)).autoRefresh();
  const client = new LockClient(server.url);
  endings.push(() => client.close());
  const abort = new AbortController();
  const waits = Array.from({ length: 50 }, () =>
    client
      .creator('handed')
      .acquire(TTL, 60_000, { signal: abort.signal })
      .catch(() => 'aborted'),
  );
  await queued(50);
  const recorder = await recordCommands(server);
  const end = performance.now() + 3_000;
  await until(() => performance.now() > end, { what: '3 s to pass' });
  const pokes = (await recorder.stop()).filter(({ text }) => text.includes(scripts.acquire.sha));
  // The time left at each poke is between two thirds of the TTL and all of it.
  expect(pokes.length).toBeGreaterThanOrEqual(2);
  expect(pokes.length).toBeLessThanOrEqual(5);
  abort.abort();
  await Promise.all(waits);
  await lock.release();
});

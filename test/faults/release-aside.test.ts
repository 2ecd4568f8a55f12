import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Lock, LockClient } from '../../src/index.ts';
import { open } from '../support/ask.ts';
import { recordCommands, type WireCommand } from '../support/commands.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';
import { SplitRedis } from './split-redis.ts';

// A lock that was handed over is released on the subscriber's connection, where RESP3 allows that: the next in line is told
// before the releaser is answered. Whatever becomes of that connection, the release must come to its end.

// Leases and waits are longer than any test here may take.
const TTL = 60_000;
const WAIT = 20_000;
const SHARES = [1, 2] as const;

let server: RedisServer;
let redis: Redis;
let proxy: FaultProxy;
let split: SplitRedis;
let client: LockClient;
let holder: LockClient;
beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  proxy = await startProxy(server);
  holder = new LockClient(server.url);
  connect();
});
afterEach(async () => {
  await holder.close();
  await client.close();
  split.disconnect();
  redis.disconnect();
  await proxy.stop();
  await server.stop();
});

/** Its subscriber goes through the proxy. */
function connect(options: ConstructorParameters<typeof SplitRedis>[1] = {}): void {
  split = new SplitRedis({ commands: server.port, subscriber: proxy.port }, options);
  split.on('error', () => {});
  client = new LockClient(split);
}

const speaksOnSubscribers = () => split.options.protocol === 3;

/** The lock of `capacity` units, all of them taken, as it was handed to our client. */
async function handedOver(capacity: number): Promise<Lock> {
  const options = { capacity, units: capacity };
  const first = await (split.options.keyPrefix ? client : holder).creator('handed', options).acquire(TTL);
  const waiting = client.creator('handed', options).acquire(TTL, WAIT);
  await until(async () => (await client.creator('handed', options).inspect()).waiters === 1, {
    what: 'the waiter',
  });
  await first.release();
  return waiting;
}

/** One more in line for it, of the same client. */
async function inLine(capacity: number): Promise<{ granted: Promise<Lock> }> {
  const creator = client.creator('handed', { capacity, units: capacity });
  const granted = creator.acquire(TTL, WAIT);
  await until(async () => (await creator.inspect()).waiters === 1, { what: 'one in line' });
  return { granted };
}

/** The commands with this lease's owner id. */
async function releasesOf({ owner }: Lock, work: () => Promise<unknown>): Promise<WireCommand[]> {
  const recorder = await recordCommands(server);
  await work();
  return (await recorder.stop()).filter(({ text }) => text.includes(owner));
}

for (const capacity of SHARES) {
  it(`one command on the connection that listens gives a lease of ${capacity} back, if that takes commands`, async () => {
    const lock = await handedOver(capacity);
    const { granted } = await inLine(capacity);
    const releases = await releasesOf(lock, async () => {
      await lock.release();
      await granted;
    });
    expect(releases).toHaveLength(1);
    const list = String(await redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
    expect(list.includes(`addr=${releases[0]?.client} `)).toBe(speaksOnSubscribers());
    await (await granted).release();
  });

  it(`a lease of ${capacity} that nobody had handed over is given back on the usual connection`, async () => {
    await (await handedOver(capacity)).release();
    const lock = await client.creator('handed', { capacity, units: capacity }).acquire(TTL);
    const releases = await releasesOf(lock, () => lock.release());
    expect(releases).toHaveLength(1);
    expect(String(await redis.call('CLIENT', 'LIST', 'TYPE', 'normal'))).toContain(
      `addr=${releases[0]?.client} `,
    );
  });

  it(`a release of ${capacity} that its connection does not answer is made on the usual one`, async () => {
    const lock = await handedOver(capacity);
    proxy.stallRequests();
    await lock.release();
    expect(await client.creator('handed', { capacity, units: capacity }).isLocked()).toBe(false);
    proxy.flow();
  });

  it(`a release of ${capacity} of which the connection is cut is made on the usual one, and is no loss`, async () => {
    const lock = await handedOver(capacity);
    proxy.stallReplies();
    const releasing = lock.release();
    await until(async () => !(await client.creator('handed', { capacity, units: capacity }).isLocked()), {
      what: 'the lock to be free',
    });
    proxy.cut();
    await releasing;
    proxy.flow();
  });

  it(`a lease of ${capacity} that is gone is told as lost, on whichever connection`, async () => {
    const lock = await handedOver(capacity);
    await redis.flushall();
    await expect(lock.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
  });

  it(`a release of ${capacity} that may not tell the next in line says so, although the lease has ended`, async () => {
    await redis.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '&*', '+@all', '-spublish');
    await client.close();
    split.disconnect();
    connect({ username: 'mute', password: 'secret' });
    const lock = await handedOver(capacity);
    const { granted } = await inLine(capacity);
    const denied = { code: 'ERR_LOCK_BACKEND', reason: 'denied', lockName: 'handed' };
    await expect(lock.release()).rejects.toMatchObject(denied);
    const creator = holder.creator('handed', { capacity, units: capacity });
    expect(await creator.inspect()).toMatchObject({ holders: [], waiters: 1 });
    // Whoever may tell the line does so, and does not overtake it.
    expect(await creator.tryAcquire(TTL)).toBeNull();
    await granted;
  });

  it(`a release of ${capacity} finds its database, also one that was chosen after the connection was made`, async () => {
    await split.select(3);
    holder = new LockClient(`${server.url}/3`);
    const lock = await handedOver(capacity);
    const { granted } = await inLine(capacity);
    await lock.release();
    await (await granted).release();
    expect(await client.creator('handed', { capacity, units: capacity }).isLocked()).toBe(false);
  });

  it(`a release of ${capacity} finds its keys under the prefix of the user's connection`, async () => {
    await client.close();
    split.disconnect();
    connect({ keyPrefix: 'app:' });
    const lock = await handedOver(capacity);
    const { granted } = await inLine(capacity);
    const releases = await releasesOf(lock, () => lock.release());
    expect(releases).toHaveLength(1);
    expect(releases[0]?.text).toContain('"app:baton:{handed}"');
    await (await granted).release();
  });
}

it.each(SHARES)(
  'the answer to a release of %i comes behind a message of no meaning: so the server has that connection to write to from the start',
  async (capacity) => {
    const { sha, lua, keys } = capacity === 1 ? scripts.release : scripts.releaseShare;
    await redis.script('LOAD', lua);
    const socket = open(server);
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    const release = async ({ owner }: Lock): Promise<string> => {
      received = '';
      const names = ['', ':queue', ':holders'].slice(0, keys).map((end) => `baton:{handed}${end}`);
      socket.write(`EVALSHA ${sha} ${keys} ${names.join(' ')} ${owner} ears\r\n`);
      await until(() => received.endsWith(':1\r\n'), { what: 'the answer' });
      return received;
    };
    socket.write('HELLO 3\r\nSSUBSCRIBE ears\r\n');
    await until(() => received.includes('ssubscribe'), { what: 'the subscription' });
    const lock = await handedOver(capacity);
    const { granted } = await inLine(capacity);
    expect(await release(lock)).toMatch(/^>3\r\n\$8\r\nsmessage\r\n\$4\r\nears\r\n\$0\r\n\r\n:1\r\n$/);
    // Nobody is told of this one, so it does not matter when the answer comes.
    expect(await release(await granted)).toBe(':1\r\n');
    socket.destroy();
  },
);

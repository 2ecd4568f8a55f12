import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import * as vitest from 'vitest';
import { expect, it } from 'vitest';
import { LockClient, redisBackend } from '../../src/index.ts';
import { lockConformance } from '../../src/testing/kit.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const DOCS = new URL('../../docs/engines.md', import.meta.url);
/** The line that the documentation gives, word by word. */
const RIGHTS = /^ACL SETUSER app on >secret .*$/m.exec(readFileSync(DOCS, 'utf8'))?.[0].split(' ') ?? [];

let server: RedisServer;

async function startWith(rights: readonly string[]): Promise<void> {
  server = await startRedis();
  const redis = new Redis(server.url);
  const [command = '', ...args] = rights;
  await redis.call(command, ...args);
  redis.disconnect();
}

const urlOf = ({ url }: RedisServer): string => url.replace('redis://', 'redis://app:secret@');

lockConformance(
  {
    title: 'row 46: a Redis user with no rights but those that are documented',
    kinds: ['mutex', 'drained-semaphore'],
    start: () => startWith(RIGHTS),
    connect: () => redisBackend(urlOf(server)),
    stop: () => server.stop(),
  },
  vitest,
);

it('row 46: has what counters and watches need, too', async () => {
  await startWith(RIGHTS);
  const client = new LockClient(urlOf(server));
  try {
    const states = client.creator('watched').watch();
    expect((await states.next()).value).toMatchObject({ holders: [] });
    const lock = await client.creator('watched').acquire(30_000);
    expect((await states.next()).value).toMatchObject({ holders: [{ owner: lock.owner }] });
    const counter = client.counter('batch', { ttl: 30_000 });
    await counter.set(1);
    const waiting = counter.wait();
    await counter.decrement();
    await waiting;
    expect(await counter.delete()).toBe(true);
  } finally {
    await client.close();
    await server.stop();
  }
});

it.each(['+evalsha', '+get', '+ssubscribe', '&baton:*', '~baton:*'])(
  'row 46: tells who lacks %s, and that it will not pass',
  async (right) => {
    await startWith(RIGHTS.filter((each) => each !== right));
    const [holder, client] = [new LockClient(server.url), new LockClient(urlOf(server))];
    try {
      await holder.creator('held').acquire(30_000);
      const refused = {
        code: 'ERR_LOCK_BACKEND',
        reason: 'denied',
        retryable: false,
        lockName: 'held',
      };
      await expect(client.creator('held').acquire(30_000, 20_000)).rejects.toMatchObject(refused);
    } finally {
      await Promise.all([holder.close(), client.close()]);
      await server.stop();
    }
  },
);

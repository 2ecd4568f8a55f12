import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { LockClient, redisBackend, redlockBackend } from '../../src/index.ts';
import { type AdoptReply, parseAdoptReply } from '../../src/redis/scripts/adopt.ts';
import { outranks } from '../../src/redlock/rank.ts';
import { countByName, recordCommands, type WireCommand } from '../support/commands.ts';
import { startListener } from '../support/listener.ts';
import { ownRedis } from '../support/own-redis.ts';
import { startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';

const KEY = 'baton:{vote}';
const QUEUE = `${KEY}:queue`;
const FENCE = 2_000_000_000_000_000;

const { server, redis } = await ownRedis();
beforeEach(() => redis.flushall());

async function adopt(owner: string, fence: number, ttl = 30_000): Promise<AdoptReply | undefined> {
  return parseAdoptReply(await redis.eval(scripts.adopt.lua, 2, KEY, QUEUE, owner, ttl, String(fence)));
}

describe('a server votes', () => {
  it('when it knows nothing of the lock, and keeps lease and fence', async () => {
    expect(await adopt('me:1:30000', FENCE)).toEqual({ kind: 'voted' });
    const [fence, leaseEnd, owner] = (await redis.get(KEY))!.split(' ');
    expect([fence, owner]).toEqual([String(FENCE), 'me:1:30000']);
    expect(Number(leaseEnd) - Date.now()).toBeGreaterThan(25_000);
    expect(await redis.pttl(KEY)).toBeGreaterThan(3_600_000);
  });

  it('again for the same owner: with the same fence, or a higher one', async () => {
    await adopt('me:1:30000', FENCE);
    expect(await adopt('me:1:30000', FENCE)).toEqual({ kind: 'voted' });
    expect(await adopt('me:1:30000', FENCE + 5)).toEqual({ kind: 'voted' });
    expect(await redis.get(KEY)).toMatch(new RegExp(`^${FENCE + 5} \\d+ me:1:30000$`));
    expect(await adopt('me:1:30000', FENCE)).toEqual({ kind: 'behind', fence: FENCE + 5 });
  });

  it('when the lock is free, or its lease has run out, with a lower fence', async () => {
    await redis.set(KEY, String(FENCE));
    expect(await adopt('me:1:30000', FENCE + 1, 20)).toEqual({ kind: 'voted' });
    await until(async () => (await adopt('you:1:30000', FENCE + 2))?.kind === 'voted', { what: 'the end' });
  });

  it('against a fence that is not higher than its own', async () => {
    await redis.set(KEY, String(FENCE));
    expect(await adopt('me:1:30000', FENCE)).toEqual({ kind: 'behind', fence: FENCE });
    expect(await adopt('me:1:30000', FENCE - 1)).toEqual({ kind: 'behind', fence: FENCE });
    expect(await redis.get(KEY)).toBe(String(FENCE));
  });

  it('against anybody while somebody else holds the lock, and says who and for how long', async () => {
    await adopt('you:1:30000', FENCE);
    const before = await redis.get(KEY);
    const reply = await adopt('me:1:30000', FENCE + 1);
    expect(reply).toMatchObject({ kind: 'held', holder: 'you:1:30000' });
    expect((reply as { leftMs: number }).leftMs).toBeGreaterThan(25_000);
    expect(await redis.get(KEY)).toBe(before);
  });

  it('not at all about what is not ours', async () => {
    await redis.set(KEY, 'something else');
    await expect(adopt('me:1:30000', FENCE)).rejects.toThrow('BATONFOREIGN');
    expect(await redis.get(KEY)).toBe('something else');
  });

  it('and does not forget who waits there, or watches', async () => {
    await redis.zadd(QUEUE, 1, 'you:1:30000');
    await adopt('me:1:30000', FENCE);
    expect((await redis.get(KEY))?.charAt(16)).toBe('q');
    await redis.set(KEY, `${FENCE}w0000000000000 -`);
    const listener = await startListener(server.url);
    const told = new Promise((resolve) => listener.on('smessage', (_, text) => resolve(text)));
    await listener.ssubscribe(`${KEY}:events`);
    await adopt('me:2:30000', FENCE + 1);
    expect(await told).toMatch(new RegExp(`^\\d+ 1 ${FENCE + 1}w\\d+ me:2:30000$`));
    listener.disconnect();
  });
});

describe('the rank of two owners', () => {
  it('is the same for both, and anybody’s guess', () => {
    let first = 0;
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), (one, other) => {
        fc.pre(one !== other);
        expect(outranks(one, other)).toBe(!outranks(other, one));
      }),
    );
    for (let sequence = 0; sequence < 1_000; sequence++) {
      if (outranks(`a.1.x:${sequence}:30000`, `b.1.x:${sequence}:30000`)) first += 1;
    }
    expect(first).toBeGreaterThan(350);
    expect(first).toBeLessThan(650);
  });
});

describe('an uncontended lock on 3 servers', () => {
  it('takes one command each way on each server, and one for a refresh', async () => {
    const servers = [server, await startRedis(), await startRedis()];
    const client = new LockClient(redlockBackend(servers.map(({ url }) => url)));
    const creator = client.creator('vote');
    const first = await creator.acquire(30_000);
    await first.refresh();
    await first.release();
    const each = async (count: number) => {
      for (const recorder of recorders) {
        // The last answers may come later than the quorum.
        const commands: WireCommand[] = [];
        const all = async () => commands.push(...(await recorder.take())) >= count;
        await until(all, { what: `${count} commands` });
        expect(countByName(commands)).toEqual({ evalsha: count });
      }
    };
    await until(async () => (await creator.inspect()).holders.length === 0, { what: 'the release' });
    const recorders = await Promise.all(servers.map(recordCommands));
    const lock = await creator.acquire(30_000, 3_000);
    await each(1);
    await lock.refresh();
    await each(1);
    await lock.release();
    await each(1);
    for (const recorder of recorders) recorder.close();
    await client.close();
    await Promise.all(servers.slice(1).map((other) => other.stop()));
  });

  it('leaves out of the deadline what clocks may drift', async () => {
    const creators = [redlockBackend([server.url], { driftFactor: 0.2 }), redisBackend(server.url)].map(
      (backend) => new LockClient(backend),
    );
    const [more, less] = creators.map((client) => client.creator('drift'));
    const lock = await more!.acquire(10_000);
    expect(lock.remaining).toBeLessThanOrEqual(8_000 - 2);
    await lock.refresh();
    expect(lock.remaining).toBeLessThanOrEqual(8_000 - 2);
    expect(lock.remaining).toBeGreaterThan(7_000);
    await lock.release();
    expect((await less!.acquire(10_000)).remaining).toBeGreaterThan(9_000);
    for (const client of creators) await client.close();
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { type Lock, LockClient, type LockCreator } from '../../src/index.ts';
import { spawnClient } from '../support/client-process.ts';
import { type EtcdCluster, startEtcd } from '../support/etcd.ts';
import { timely, until } from '../support/wait.ts';

let etcd: EtcdCluster;
const clients: LockClient[] = [];

beforeAll(async () => {
  etcd = await startEtcd();
});

afterAll(() => etcd.stop());

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  // What a killed process left ends with its lease.
  for (const lease of await etcd.leases()) await etcd.ctl('lease', 'revoke', lease);
});

function client(prefix?: string): LockClient {
  const made = new LockClient(etcdBackend(etcd.url, prefix === undefined ? {} : { prefix }));
  clients.push(made);
  return made;
}

async function queued(creator: LockCreator, count: number): Promise<void> {
  await until(async () => (await creator.inspect()).waiters === count, { what: `${count} in line` });
}

/** The lease that a key is attached to, in hex, by its place in line. */
async function leaseOf(key: string): Promise<string> {
  const text = await etcd.ctl('get', key, '-w', 'json');
  // Beyond what JSON.parse can tell apart.
  return BigInt(/"lease":(\d+)/.exec(text)?.[1] ?? '0').toString(16);
}

describe('together with etcdctl lock', () => {
  it('excludes it, and is handed the lock by it', async () => {
    const creator = client().creator('orders/42%');
    const lock = await creator.acquire(30_000);
    await using ctl = etcd.lock('baton/orders%2F42%25');
    await queued(creator, 1);
    expect(ctl.key).toBeUndefined();
    await lock.release();
    expect(await ctl.held()).toMatch(/^baton\/orders%2F42%25\/[0-9a-f]+$/);
    expect(await creator.tryAcquire(30_000)).toBeNull();
    const { holders } = await creator.inspect();
    expect(holders).toEqual([
      {
        owner: ctl.key?.split('/').pop(),
        client: ctl.key?.split('/').pop(),
        units: 1,
        fencingToken: expect.any(Number),
        remainingTtl: expect.any(Number),
      },
    ]);
    const waiting = creator.acquire(30_000);
    await queued(creator, 1);
    await ctl.release();
    expect((await waiting).fencingToken).toBeGreaterThan(holders[0]!.fencingToken);
  });

  it('stands in one line with it', async () => {
    const creator = client('').creator('deploy');
    const first = await creator.acquire(30_000);
    await using second = etcd.lock('deploy');
    await queued(creator, 1);
    const third = client('').creator('deploy').acquire(30_000);
    await queued(creator, 2);
    await using fourth = etcd.lock('deploy');
    await queued(creator, 3);
    const keys = await etcd.keys();
    await first.release();
    expect(await second.held()).toBe(keys[1]);
    expect(fourth.key).toBeUndefined();
    await second.release();
    const lock = await third;
    expect(fourth.key).toBeUndefined();
    await lock.release();
    expect(await fourth.held()).toBe(keys[3]);
  });

  it('takes the lock from it by force, and leaves the rest of its lease alone', async () => {
    const creator = client().creator('taken');
    await using ctl = etcd.lock('baton/taken');
    const lease = await leaseOf(await ctl.held());
    await etcd.ctl('put', 'other', 'x', `--lease=${lease}`);
    expect(await creator.forceRelease()).toBe(true);
    expect(await etcd.keys()).toEqual(['other']);
    expect(await creator.tryAcquire(30_000)).not.toBeNull();
  });

  it('row 45: shows a key that somebody put into the line, and waits for it', async () => {
    const creator = client().creator('foreign');
    await etcd.ctl('put', 'baton/foreign/stray', 'whatever');
    expect(await creator.inspect()).toMatchObject({
      holders: [{ owner: 'stray', remainingTtl: Number.POSITIVE_INFINITY }],
    });
    const waiting = creator.acquire(30_000);
    await queued(creator, 1);
    expect(await etcd.ctl('get', 'baton/foreign/stray')).toContain('whatever');
    await etcd.ctl('del', 'baton/foreign/stray');
    await waiting;
  });
});

it('rows 32 and 33: a try never stands in line, not even for a moment', async () => {
  const creators = Array.from({ length: 8 }, () => client().creator('tried'));
  await Promise.all(creators.map((creator) => creator.inspect()));
  const tries = await Promise.all(creators.map((creator) => creator.tryAcquire(30_000)));
  const [winner, ...others] = tries.filter((lock) => lock !== null);
  expect(others).toEqual([]);
  await winner?.release();
  const next = await creators[0]!.acquire(30_000);
  // Every key that is put or deleted counts; these are one release and one acquire.
  expect(next.fencingToken).toBe(winner!.fencingToken + 2);
});

it('a lock that goes from hand to hand is taken by force from whoever has it then', async () => {
  const first = await client().creator('passed on').acquire(30_000);
  let passed = 0;
  const work = Array.from({ length: 8 }, () => client().creator('passed on')).flatMap((creator) =>
    Array.from({ length: 6 }, async () => {
      const lock = await creator.acquire(30_000);
      passed += 1;
      await lock.release().catch(() => {});
    }),
  );
  const forcing = client().creator('passed on');
  await until(async () => (await forcing.inspect()).waiters >= 8, { what: 'a line' });
  await first.release();
  const taken: boolean[] = [];
  // For so long each of the eight is in line again before all others have had their turns.
  while (passed < 16) taken.push(await forcing.forceRelease());
  await Promise.all(work);
  expect(taken.length).toBeGreaterThan(1);
  expect(taken).toEqual(taken.map(() => true));
});

describe('a lease that is gone', () => {
  it('row 8: is told to the holder at once, and not made again by a refresh', async () => {
    const creator = client().creator('revoked');
    const lock = await creator.acquire(30_000);
    const other = await client().creator('revoked-2').acquire(30_000);
    const { signal } = lock;
    const [key = '', otherKey = ''] = await etcd.keys();
    await etcd.ctl('lease', 'revoke', await leaseOf(key));
    await until(() => signal.aborted, { what: 'the signal to abort' });
    expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'forced' });
    await etcd.ctl('lease', 'revoke', await leaseOf(otherKey));
    await expect(other.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'taken' });
    expect(await etcd.keys()).toEqual([]);
  });

  it('row 8: counts as lost, too, when only its key was deleted', async () => {
    const creator = client().creator('deleted');
    const refreshed = await creator.acquire(30_000);
    await etcd.ctl('del', '--prefix', 'baton/');
    await expect(refreshed.refresh()).rejects.toMatchObject({ reason: 'taken' });
    await expect(refreshed.refresh(5_000)).rejects.toMatchObject({ reason: 'taken' });
    const released = await creator.acquire(30_000);
    await etcd.ctl('del', '--prefix', 'baton/');
    await expect(released.release()).rejects.toMatchObject({ reason: 'taken' });
    expect(await etcd.keys()).toEqual([]);
  });

  it('puts a waiter at the end of the line', async () => {
    const holder = client().creator('line');
    const lock = await holder.acquire(30_000);
    const order: string[] = [];
    const note = (what: string) => (granted: Lock) => {
      order.push(what);
      return granted.release();
    };
    // Its next keepalive, which would find out as well, is due in ten minutes.
    const first = client().creator('line').acquire(1_800_000).then(note('revoked'));
    await queued(holder, 1);
    const second = client().creator('line').acquire(30_000).then(note('other'));
    await queued(holder, 2);
    const revoked = (await etcd.keys())[1] ?? '';
    await etcd.ctl('lease', 'revoke', await leaseOf(revoked));
    await until(async () => (await etcd.keys()).length === 3 && !(await etcd.keys()).includes(revoked), {
      what: 'the waiter to line up again',
    });
    await lock.release();
    await Promise.all([first, second]);
    expect(order).toEqual(['other', 'revoked']);
  });

  it('is kept for as long as its owner waits', async () => {
    const holder = client().creator('kept');
    const lock = await holder.acquire(30_000);
    const waiting = client().creator('kept').acquire(200);
    await queued(holder, 1);
    const [, key] = await etcd.keys();
    // Twice what etcd takes to drop a lease of one second.
    await expect(holder.acquire(30_000, 3_200)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    expect((await etcd.keys())[1]).toBe(key);
    await lock.release();
    expect((await waiting).remaining).toBeGreaterThan(100);
  });

  it('is kept alive no more once the lock is granted', async () => {
    const creator = client().creator('ageing');
    const lock = await creator.acquire(3_000);
    await until(
      async () => {
        const [holder] = (await creator.inspect()).holders;
        if (holder?.owner !== lock.owner) throw new Error('the lease ended without having aged');
        return holder.remainingTtl <= 1_000;
      },
      { what: 'less than a second to be left' },
    );
  });

  it('ends when the TTL that was asked for is over, although etcd counts in whole seconds', async () => {
    const creator = client().creator('short');
    await creator.acquire(1_050);
    const next = await timely(1_900, async () => (await client().creator('short').acquire(30_000)).release());
    expect(next).toEqual({ error: undefined, late: false });
    await until(async () => (await etcd.leases()).length === 0, { what: 'both leases to end' });
  });

  it('is replaced when it is refreshed with another TTL, with the same fence and place', async () => {
    const creator = client().creator('replaced');
    const lock = await creator.acquire(20_000);
    const [key] = await etcd.keys();
    const before = await etcd.leases();
    await lock.refresh(40_000);
    await lock.refresh(40_000);
    expect(await etcd.keys()).toEqual([key]);
    await until(async () => (await etcd.leases()).length === 1, { what: 'the old lease to end' });
    expect(await etcd.leases()).not.toEqual(before);
    expect((await creator.inspect()).holders).toMatchObject([
      { fencingToken: lock.fencingToken, owner: lock.owner },
    ]);
    await lock.release();
  });

  it('rows 28, 29 and 50: ends by itself when its process is killed, holding or waiting', async () => {
    const watcher = client().creator('crash');
    const file = new URL('./etcd-waiting.client.ts', import.meta.url);
    await using crashing = spawnClient<{ type: 'granted' }>(file, { args: [etcd.url, 'crash', '1200'] });
    await crashing.next('granted');
    await queued(watcher, 1);
    const survivor = watcher.acquire(30_000);
    await queued(watcher, 2);
    await crashing.stop();
    await (await survivor).release();
  });
});

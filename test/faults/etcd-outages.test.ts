import { Etcd3 } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { type Lock, LockClient } from '../../src/index.ts';
import { startEtcd } from '../support/etcd.ts';
import { EtcdClients, queued } from '../support/etcd-clients.ts';
import { freePort } from '../support/free-port.ts';
import { timely, until } from '../support/wait.ts';

describe('etcd that is down', () => {
  it('row 40: keeps the wait timeout to within 50 ms, and says what is wrong', async () => {
    await using clients = new EtcdClients();
    const creator = clients.creatorOn(`etcd://127.0.0.1:${await freePort()}`);
    const startedAt = performance.now();
    const { error, late } = await timely(450, () => creator.acquire(30_000, 400));
    expect(error).toMatchObject({
      code: 'ERR_LOCK_BACKEND',
      reason: 'unavailable',
      retryable: true,
      lockName: 'lock',
      cause: expect.any(Error),
    });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(399);
    expect(late).toBe(false);
    const attempt = await timely(1_050, () => creator.tryAcquire(30_000));
    expect(attempt.error).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    expect(attempt.late).toBe(false);
    await expect(creator.inspect()).rejects.toMatchObject({ reason: 'unavailable' });
  });

  it('rows 22, 39 and 40: keeps the timeouts when it is silent, and goes on when it speaks again', async () => {
    await using etcd = await startEtcd();
    await using clients = new EtcdClients();
    const [member] = etcd.members;
    const creator = clients.creatorOn(etcd.url);
    const lock = await creator.acquire(30_000);
    const waiting = clients.creatorOn(etcd.url).acquire(30_000);
    await queued(creator, 1);
    const impatient = clients.creatorOn(etcd.url);
    await impatient.inspect();
    await member?.pause();
    const { error, late } = await timely(350, () => impatient.acquire(30_000, 300));
    expect(error).toMatchObject({ code: 'ERR_LOCK_TIMEOUT', lockName: 'lock' });
    expect(late).toBe(false);
    const refresh = await timely(1_050, () => lock.refresh());
    expect(refresh.error).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    expect(refresh.late).toBe(false);
    await member?.resume();
    await lock.refresh();
    await lock.release();
    await (await waiting).release();
  });

  it('goes on after a restart, with its data', async () => {
    await using etcd = await startEtcd();
    await using clients = new EtcdClients();
    const creator = clients.creatorOn(etcd.url);
    const lock = (await creator.acquire(3_000)).autoRefresh();
    const waiting = clients.creatorOn(etcd.url).acquire(30_000);
    await queued(creator, 1);
    const fence = lock.fencingToken;
    await etcd.members[0]?.kill();
    await etcd.members[0]?.restart();
    await until(() => creator.isLocked().catch(() => false), { what: 'the server to answer' });
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect((await waiting).fencingToken).toBeGreaterThan(fence);
  });
});

describe('a client of the user', () => {
  it('row 49: fails who waits when it is closed and its stream has ended', async () => {
    await using etcd = await startEtcd();
    await using clients = new EtcdClients();
    const holder = clients.creatorOn(etcd.url);
    await holder.acquire(30_000);
    const own = new Etcd3({ hosts: etcd.urls });
    await using client = new LockClient(etcdBackend(own));
    const waiting = client.creator('lock').acquire(30_000);
    await queued(holder, 1);
    const expected = { code: 'ERR_LOCK_BACKEND', retryable: false, lockName: 'lock' };
    const rejected = expect(waiting).rejects.toMatchObject(expected);
    own.close();
    await etcd.members[0]?.restart();
    await rejected;
  });

  it('row 49: ends a watch, on a free lock too, when it is closed and its stream has ended', async () => {
    await using etcd = await startEtcd();
    const own = new Etcd3({ hosts: etcd.urls });
    await using client = new LockClient(etcdBackend(own));
    const watching = client.creator('lock').watch();
    expect(await watching.next()).toMatchObject({ value: { holders: [] } });
    const expected = { code: 'ERR_LOCK_BACKEND', retryable: false, lockName: 'lock' };
    const rejected = expect(watching.next()).rejects.toMatchObject(expected);
    own.close();
    await etcd.members[0]?.restart();
    await rejected;
  });
});

describe('three members', () => {
  it('go on when the leader moves, is stopped or is frozen, while a lock is held and waited for', async () => {
    await using etcd = await startEtcd({ members: 3 });
    await using clients = new EtcdClients();
    const creator = clients.creatorOn(etcd.url);
    const lock = (await creator.acquire(6_000)).autoRefresh();
    const granted: Lock[] = [];
    const waiting = Array.from({ length: 3 }, async () => {
      const next = await clients.creatorOn(etcd.url).acquire(30_000);
      granted.push(next);
      await next.release();
    });
    await queued(creator, 3);

    const first = await etcd.leader();
    const other = etcd.members.find((member) => member !== first);
    const ids = [...(await etcd.ctl('member', 'list')).matchAll(/^([0-9a-f]+),.*?(http:\S+:\d+), false/gm)];
    const id = ids.find(([line]) => line.includes(`${other?.url},`))?.[1] ?? '';
    await first.ctl('move-leader', id);
    await lock.refresh();

    const second = await etcd.leader();
    expect(second).toBe(other);
    await second.kill();
    await until(() => refreshed(lock), { what: 'a refresh without the leader' });
    await second.restart();

    const third = await etcd.leader();
    await third.pause();
    await until(() => refreshed(lock), { what: 'a refresh with a frozen leader' });
    expect(granted).toEqual([]);
    await lock.release();
    await Promise.all(waiting);
    expect(granted).toHaveLength(3);
    await third.resume();
  });
});

async function refreshed(lock: Lock): Promise<boolean> {
  return lock.refresh().then(
    () => true,
    (error: { code?: string }) => {
      if (error.code !== 'ERR_LOCK_BACKEND') throw error;
      return false;
    },
  );
}

import { Etcd3 } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { type Lock, LockClient, type LockCreator } from '../../src/index.ts';
import { type EtcdCluster, startEtcd } from '../support/etcd.ts';
import { freePort } from '../support/free-port.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { until, within } from '../support/wait.ts';

/** Clients that are closed before what they are connected to. */
class Clients implements AsyncDisposable {
  readonly #clients: LockClient[] = [];

  creatorOn(url: string, commandTimeout = 1_000): LockCreator {
    const client = new LockClient(etcdBackend(url, { commandTimeout }));
    this.#clients.push(client);
    return client.creator('lock');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

async function queued(creator: LockCreator, count: number): Promise<void> {
  await until(async () => (await creator.inspect()).waiters === count, { what: `${count} in line` });
}

async function timed(work: () => Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const start = performance.now();
  const error = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - start };
}

function throughProxy(proxy: FaultProxy): string {
  return `etcd://${proxy.host}:${proxy.port}`;
}

describe('etcd that is down', () => {
  it('row 40: keeps the wait timeout to within 50 ms, and says what is wrong', async () => {
    await using clients = new Clients();
    const creator = clients.creatorOn(`etcd://127.0.0.1:${await freePort()}`);
    const { error, ms } = await timed(() => creator.acquire(30_000, 400));
    expect(error).toMatchObject({
      code: 'ERR_LOCK_BACKEND',
      reason: 'unavailable',
      retryable: true,
      lockName: 'lock',
      cause: expect.any(Error),
    });
    expect(ms).toBeGreaterThanOrEqual(400);
    expect(ms).toBeLessThan(450);
    const attempt = await timed(() => creator.tryAcquire(30_000));
    expect(attempt.error).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    expect(attempt.ms).toBeLessThan(1_050);
    await expect(creator.inspect()).rejects.toMatchObject({ reason: 'unavailable' });
  });

  it('rows 22, 39 and 40: keeps the timeouts when it is silent, and goes on when it speaks again', async () => {
    await using etcd = await startEtcd();
    await using clients = new Clients();
    const [member] = etcd.members;
    const creator = clients.creatorOn(etcd.url);
    const lock = await creator.acquire(30_000);
    const waiting = clients.creatorOn(etcd.url).acquire(30_000);
    await queued(creator, 1);
    const impatient = clients.creatorOn(etcd.url);
    await impatient.inspect();
    await member?.pause();
    const { error, ms } = await timed(() => impatient.acquire(30_000, 300));
    expect(error).toMatchObject({ code: 'ERR_LOCK_TIMEOUT', lockName: 'lock' });
    expect(ms).toBeLessThan(350);
    const refresh = await timed(() => lock.refresh());
    expect(refresh.error).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    expect(refresh.ms).toBeLessThan(1_050);
    await member?.resume();
    await lock.refresh();
    await lock.release();
    await (await waiting).release();
  });

  it('goes on after a restart, with its data', async () => {
    await using etcd = await startEtcd();
    await using clients = new Clients();
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

describe('a link that breaks', () => {
  it('row 1: a release whose answer was lost is not a loss', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new Clients();
    const lock = await clients.creatorOn(throughProxy(proxy)).acquire(30_000);
    proxy.stallReplies();
    const released = lock.release();
    await until(async () => (await etcd.keys()).length === 0, { what: 'the key to be deleted' });
    proxy.cut();
    proxy.flow();
    await released;
  });

  it('row 1: an acquire whose answer was lost is answered with the same place', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new Clients();
    const acquiring = clients.creatorOn(throughProxy(proxy)).acquire(30_000);
    const stop = stallReplyTo(etcd, proxy);
    const lock = await acquiring;
    await stop;
    expect((await clients.creatorOn(etcd.url).inspect()).holders).toMatchObject([
      { owner: lock.owner, fencingToken: lock.fencingToken },
    ]);
    expect(await etcd.keys()).toHaveLength(1);
  });

  it.each(['late', 'lost'])(
    'row 4: nothing is left of an acquire that timed out, its answer %s',
    async (end) => {
      await using etcd = await startEtcd();
      await using proxy = await startProxy(etcd.members[0]!);
      await using clients = new Clients();
      const creator = clients.creatorOn(throughProxy(proxy));
      await creator.inspect();
      proxy.stallReplies();
      await expect(creator.acquire(30_000, 100)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
      await until(async () => (await etcd.leases()).length === 1, { what: 'the lease to be made' });
      if (end === 'lost') proxy.cut();
      proxy.flow();
      await until(async () => (await etcd.leases()).length === 0, { what: 'the lease to be revoked' });
      expect(await etcd.keys()).toEqual([]);
    },
  );

  it('row 7: the lease counts from before it was asked for', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new Clients();
    const creator = clients.creatorOn(throughProxy(proxy));
    await creator.inspect();
    proxy.delayReplies(150);
    const lock = await creator.acquire(10_000);
    expect(lock.remaining).toBeLessThanOrEqual(10_000 - 102 - 2 * 150);
    const waiting = creator.acquire(10_000);
    await queued(clients.creatorOn(etcd.url), 1);
    await lock.release();
    expect((await waiting).remaining).toBeLessThanOrEqual(10_000 - 102 - 150);
  });

  it('rows 20 and 21: a waiter that missed a release, and its compaction, is granted after all', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new Clients();
    const holder = clients.creatorOn(etcd.url);
    const lock = await holder.acquire(30_000);
    const waiting = clients.creatorOn(throughProxy(proxy)).acquire(30_000);
    await queued(holder, 1);
    proxy.refuse();
    proxy.cut();
    await lock.release();
    const revision = (await holder.inspect()).holders[0]?.fencingToken ?? 0;
    await etcd.ctl('put', 'later', 'x');
    await etcd.ctl('compact', String(revision + 2));
    proxy.accept();
    const next = await waiting;
    expect(next.fencingToken).toBe(revision);
  });

  it('row 22: a watch on a silent link goes on through another member', async () => {
    await using etcd = await startEtcd();
    await using one = await startProxy(etcd.members[0]!);
    await using two = await startProxy(etcd.members[0]!);
    await using clients = new Clients();
    const holder = clients.creatorOn(etcd.url);
    const lock = await holder.acquire(30_000);
    const both = `etcd://${one.host}:${one.port},${two.host}:${two.port}`;
    const waiting = clients.creatorOn(both, 200).acquire(30_000);
    await queued(holder, 1);
    const [used, spare] = one.connections > 0 ? [one, two] : [two, one];
    expect(spare.connections).toBe(0);
    // Its next keepalive is due in ten seconds; only the watch itself can notice.
    used.stall();
    await lock.release();
    await within(5_000, 'the grant', () => waiting);
    expect(spare.connections).toBeGreaterThan(0);
    used.flow();
  });

  it('a watcher that missed changes, and their compaction, sees what it has come to', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.members[0]!);
    await using clients = new Clients();
    const states: (string | undefined)[] = [];
    const watching = clients.creatorOn(throughProxy(proxy)).watch();
    const following = (async () => {
      for await (const { holders } of watching) states.push(holders[0]?.owner);
    })();
    await until(() => states.length === 1, { what: 'the first state' });
    proxy.refuse();
    proxy.cut();
    const creator = clients.creatorOn(etcd.url);
    await (await creator.acquire(30_000)).release();
    const lock = await creator.acquire(30_000);
    await etcd.ctl('put', 'later', 'x');
    await etcd.ctl('compact', String(lock.fencingToken));
    proxy.accept();
    await until(() => states.length > 1, { what: 'the state after all that' });
    expect(states).toEqual([undefined, lock.owner]);
    await watching.return?.();
    await following;
  });
});

describe('a client of the user', () => {
  it('row 49: fails who waits when it is closed and its stream has ended', async () => {
    await using etcd = await startEtcd();
    await using clients = new Clients();
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
});

describe('three members', () => {
  it('go on when the leader moves, is stopped or is frozen, while a lock is held and waited for', async () => {
    await using etcd = await startEtcd({ members: 3 });
    await using clients = new Clients();
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

/** Loses the answer to the transaction that puts the key. */
async function stallReplyTo(etcd: EtcdCluster, proxy: FaultProxy): Promise<void> {
  await until(async () => (await etcd.leases()).length === 1, { what: 'the lease' });
  proxy.stallReplies();
  await until(async () => (await etcd.keys()).length === 1, { what: 'the key' });
  proxy.cut();
  proxy.flow();
}

import { setTimeout as pause } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { type Lock, LockClient } from '../../src/index.ts';
import { type EtcdCluster, type EtcdMember, startEtcd } from '../support/etcd.ts';
import { EtcdClients, queued } from '../support/etcd-clients.ts';
import { until, within } from '../support/wait.ts';

/** Another member leads from now on, without anybody having stood still. */
async function changeLeader(etcd: EtcdCluster): Promise<void> {
  const leader = await etcd.leader();
  const other = etcd.members.find((member) => member !== leader);
  const status = await other?.ctl('endpoint', 'status', '-w', 'json');
  const id = BigInt(/"member_id":(\d+)/.exec(status ?? '')?.[1] ?? 0);
  await leader.ctl('move-leader', id.toString(16));
  await until(async () => (await etcd.leader()) !== leader, { what: 'another leader' });
}

/** The etcd lease that the key of a lock is attached to. */
async function leaseOf(etcd: EtcdCluster, { fencingToken }: Lock): Promise<string | undefined> {
  const keys = await etcd.ctl('get', '', '--prefix', '-w', 'json');
  return new RegExp(`"create_revision":${fencingToken},[^}]*"lease":(\\d+)`).exec(keys)?.[1];
}

const WATCH_STREAMS = 'etcd_debugging_mvcc_watch_stream_total';

async function gauge({ url }: EtcdMember, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
}

describe.each([1, 2])('a lock on etcd with %i units whose leader has changed', (capacity) => {
  const options = { capacity, units: capacity };

  it('is granted by a lease that no earlier leader knows', async () => {
    await using etcd = await startEtcd({ members: 3 });
    await using clients = new EtcdClients();
    const holder = clients.creatorOn(etcd.url, undefined, options);
    const lock = await holder.acquire(30_000);
    const waiting = clients.creatorOn(etcd.url, undefined, options).acquire(30_000);
    await queued(holder, 1);
    const before = await etcd.leases();
    expect(before).toHaveLength(2);
    await changeLeader(etcd);
    await lock.release();
    const next = await waiting;
    const lease = await leaseOf(etcd, next);
    expect(before.map((id) => BigInt(`0x${id}`).toString())).not.toContain(lease);
    // The one it waited with has been given back.
    await until(async () => (await etcd.leases()).length === 1, { what: 'one lease' });
    await next.release();
  });

  it('moves to such a lease when it is refreshed, once', async () => {
    await using etcd = await startEtcd({ members: 3 });
    await using clients = new EtcdClients();
    const lock = await clients.creatorOn(etcd.url, undefined, options).acquire(30_000);
    const first = await leaseOf(etcd, lock);
    await changeLeader(etcd);
    await lock.refresh();
    const second = await leaseOf(etcd, lock);
    expect(second).not.toBe(first);
    // A machine that is slow enough may have seen an election in between, as far as we can tell.
    await until(
      async () => {
        const now = await leaseOf(etcd, lock);
        await lock.refresh();
        return (await leaseOf(etcd, lock)) === now;
      },
      { what: 'a refresh that keeps its lease' },
    );
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });
});

describe('a member of etcd that is cut off from the others', () => {
  it('keeps no waiter whose watch it has from hearing of its turn', async () => {
    await using etcd = await startEtcd({ members: 3, isolable: true });
    await using clients = new EtcdClients();
    const holder = clients.creatorOn(etcd.url);
    const lock = await holder.acquire(60_000);
    // Its next keepalive, by which it would find that its member is of no use, is due in 20 s.
    const waiting = clients.creatorOn(etcd.url, 6_000).acquire(60_000);
    await queued(holder, 1);
    const streams = () => Promise.all(etcd.members.map((member) => gauge(member, WATCH_STREAMS)));
    await until(async () => (await streams()).includes(1), { what: 'its watch' });
    const member = etcd.members[(await streams()).indexOf(1)];
    if (member === (await etcd.leader())) await changeLeader(etcd);
    await etcd.isolate(member!);
    await lock.release();
    // Up to 6 s until the member knows that nobody leads and ends the watch; then a follower that reaches the leader no more, and
    // the member itself, may be asked first, for 2 s each and each command. Still sooner than by that keepalive.
    await within(18_000, 'the grant', async () => (await waiting).release());
  });
});

describe('a leader of etcd that stands still, is replaced and wakes', () => {
  // It ends so many at a time, and the others when it has waited for those in vain.
  const EACH = 20;
  const TTL_MS = 4_000;

  it('ends leases that were renewed meanwhile, but no lock that was refreshed', {
    timeout: 120_000,
  }, async () => {
    await using etcd = await startEtcd({ members: 3 });
    // It may hear that it leads no more before it looks for leases that have run out: then once again.
    for (let ended = 0; ended === 0; ) {
      const leader = await etcd.leader();
      const others = etcd.members.filter((member) => member !== leader).map(({ url }) => url);
      await using client = new LockClient(etcdBackend(others));
      const plain = new Etcd3({ hosts: others });
      const locks: Lock[] = [];
      const leases: string[] = [];
      for (let index = 0; index < EACH; index++) {
        locks.push((await client.creator(`lock-${index}`).acquire(TTL_MS)).autoRefresh());
        // It is kept alive from then on.
        const id = await plain.lease(TTL_MS / 1_000).grant();
        leases.push(BigInt(id).toString(16).padStart(16, '0'));
      }
      const livingOf = async () => {
        const there = new Set(await etcd.leases());
        return leases.filter((id) => there.has(id)).length;
      };
      await leader.pause();
      await pause(TTL_MS + 1_000);
      expect(locks.filter(({ signal }) => signal.aborted)).toEqual([]);
      const living = await livingOf();
      await leader.resume();
      // It looks twice a second.
      await pause(600);
      await until(async () => (await gauge(leader, 'etcd_server_proposals_pending')) === 0, {
        what: 'the end of what it wants',
        timeout: 30_000,
      });
      ended = living - (await livingOf());
      expect(await Promise.all(locks.map((lock) => lock.isHeld()))).toEqual(locks.map(() => true));
      await Promise.all(locks.map((lock) => lock.release()));
      plain.close();
    }
  });
});

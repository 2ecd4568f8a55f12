import type { Etcd3, IEvent, IKeyValue } from 'etcd3';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { toBackendError } from '../../src/etcd/errors.ts';
import { Keys, tagFor } from '../../src/etcd/keys.ts';
import { EtcdLink } from '../../src/etcd/link.ts';
import { Members } from '../../src/etcd/members.ts';
import { StateWatch } from '../../src/etcd/state-watch.ts';
import type { Watches, WatchRequest } from '../../src/etcd/watches.ts';
import { LockBackendError } from '../../src/index.ts';
import { until } from '../support/wait.ts';

const TIMEOUT_MS = 50;
const keys = new Keys('');
const header = { revision: '9', raft_term: '2' };
const denied = new Error('etcdserver: permission denied');

/** What every command fails with, if it does. */
let fault: Error | undefined;
let line: IKeyValue[] = [];
let told: number[] = [];
let ends: unknown[] = [];
let watches: WatchRequest[] = [];

function keyOf(revision: number): IKeyValue {
  const value = tagFor(`other.1.ab:${revision}:30000`, 30_000, { units: 1, capacity: 1 });
  const revisions = { create_revision: String(revision), mod_revision: String(revision) };
  return { key: keys.place('lock', String(revision)), value, lease: '7', version: '1', ...revisions };
}

async function answer<T>(reply: T): Promise<T> {
  if (fault) throw fault;
  return reply;
}

/** An etcd that can be out of order for as long as we like. */
const etcd = {
  kv: { range: () => answer({ header, kvs: line, count: String(line.length) }) },
  leaseClient: { leaseTimeToLive: () => answer({ TTL: '20', grantedTTL: '30' }) },
};

async function start(): Promise<StateWatch> {
  const link = new EtcdLink(Members.of(etcd as unknown as Etcd3), systemClock, TIMEOUT_MS);
  const watch = (request: WatchRequest) => {
    watches.push(request);
    return () => {};
  };
  const context = { link, keys, watches: { watch } as unknown as Watches };
  return new StateWatch(
    context,
    'lock',
    ({ holders }) => told.push(holders[0]?.fencingToken ?? 0),
    (failure) => ends.push(failure),
  ).start();
}

/** An outage that is longer than anybody who asks once has patience. */
async function outage(): Promise<void> {
  const over = systemClock.now() + 4 * TIMEOUT_MS;
  await until(() => systemClock.now() > over, { what: 'an outage' });
  fault = undefined;
}

beforeEach(() => {
  fault = undefined;
  line = [];
  told = [];
  ends = [];
  watches = [];
});

describe('etcd, a watch on the state of a lock', () => {
  it('begins anew after an outage when etcd has forgotten what happened', async () => {
    const watch = await start();
    fault = new Error('14 UNAVAILABLE: no connection');
    watches[0]?.onEnd(undefined);
    line = [keyOf(8)];
    await outage();
    await until(() => told.length > 0, { what: 'the state' });
    expect(told).toEqual([8]);
    expect(watches[1]?.from).toBe(10);
    await watch.stop();
  });

  it('tells what happened before an outage after it', async () => {
    const watch = await start();
    fault = new Error('14 UNAVAILABLE: no connection');
    watches[0]?.onEvents([{ type: 'Put', kv: keyOf(10) } as IEvent]);
    await outage();
    await until(() => told.length > 0, { what: 'the state' });
    watches[0]?.onEvents([{ type: 'Delete', kv: keyOf(10) } as IEvent]);
    await until(() => told.length > 1, { what: 'the next state' });
    expect(told).toEqual([10, 0]);
    expect(ends).toEqual([]);
    await watch.stop();
  });

  it.each([
    ['to watch', () => watches[0]?.onEnd(toBackendError(denied))],
    ['to look', () => watches[0]?.onEnd(undefined)],
    ['to ask for a lease', () => watches[0]?.onEvents([{ type: 'Put', kv: keyOf(10) } as IEvent])],
  ])('says at once that it may not go on: %s', async (_what, happens) => {
    const watch = await start();
    fault = denied;
    happens();
    await until(() => ends.length > 0, { what: 'the end' });
    expect(ends).toEqual([expect.any(LockBackendError)]);
    expect(ends[0]).toMatchObject({ reason: 'denied', lockName: 'lock' });
    expect(told).toEqual([]);
    await watch.stop();
  });

  it('says nothing any more once it is stopped', async () => {
    const watch = await start();
    fault = denied;
    watches[0]?.onEnd(undefined);
    await watch.stop();
    await outage();
    expect(ends).toEqual([]);
  });
});

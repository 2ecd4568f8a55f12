import { setImmediate as turn } from 'node:timers/promises';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { backendFromUrl, type Lock, LockClient } from '../../src/index.ts';
import { startEtcd } from '../../test/support/etcd.ts';
import { startRedisCluster } from '../../test/support/redis-cluster.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { until } from '../../test/support/wait.ts';
import { figure } from '../reporting/format.ts';
import type { Table } from '../reporting/table.ts';

const TTL_MS = 30_000;
const WAIT_MS = 30_000;
const CONTENDERS = 20;
const PHASE_MS = 3_000;

/** What contenders for one lock came to in some while. */
interface Phase {
  readonly what: string;
  readonly grants: number;
  readonly overlaps: number;
  readonly longestGapMs: number;
}

/** One run through what servers can do to each engine. */
export async function faultTables(): Promise<Table[]> {
  return [await clusterFailover(), await redlockMinority(), await etcdctlExclusion()];
}

/** Contenders in one process; two grants at a time, or a fence that does not rise, are overlaps. */
class Contenders {
  readonly #working: Promise<unknown>;
  readonly #clients: readonly LockClient[];
  #going = true;
  #grants = 0;
  #overlaps = 0;
  #longestGapMs = 0;
  #lastGrant = performance.now();
  #lastFence = 0;
  readonly #inside = new Set<Lock>();

  private constructor(clients: readonly LockClient[]) {
    this.#clients = clients;
    this.#working = Promise.all(
      Array.from({ length: CONTENDERS }, (_, index) => this.#work(clients[index % clients.length])),
    );
  }

  static async on(url: string): Promise<Contenders> {
    const backends = await Promise.all([1, 2, 3, 4].map(() => backendFromUrl(url)));
    return new Contenders(backends.map((backend) => new LockClient(backend)));
  }

  async phase(what: string, meanwhile: () => Promise<unknown> = async () => {}): Promise<Phase> {
    this.#grants = 0;
    this.#overlaps = 0;
    this.#longestGapMs = 0;
    const end = performance.now() + PHASE_MS;
    await meanwhile();
    await until(() => performance.now() >= end && this.#grants > 0, { what, timeout: WAIT_MS });
    return {
      ...{ what, grants: this.#grants, overlaps: this.#overlaps },
      longestGapMs: Math.max(this.#longestGapMs, performance.now() - this.#lastGrant),
    };
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#working;
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #work(client: LockClient | undefined): Promise<void> {
    const creator = client?.creator('contended');
    while (this.#going && creator) {
      const lock = await creator.acquire(TTL_MS, WAIT_MS);
      this.#note(lock);
      await turn();
      this.#inside.delete(lock);
      // What a dead server has been told is given back by its TTL.
      await lock.release().catch(() => {});
    }
  }

  #note(lock: Lock): void {
    const now = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastGrant);
    this.#lastGrant = now;
    if (this.#inside.size > 0 || lock.fencingToken <= this.#lastFence) this.#overlaps += 1;
    this.#lastFence = lock.fencingToken;
    this.#inside.add(lock);
    this.#grants += 1;
  }
}

async function clusterFailover(): Promise<Table> {
  await using cluster = await startRedisCluster();
  const contenders = await Contenders.on(`redis+cluster://${hosts(cluster.servers)}`);
  const master = await cluster.masterOf('{contended}');
  const phases = [
    await contenders.phase('3 masters, 3 replicas'),
    await contenders.phase('the master of the lock is killed', () => master.kill()),
    await contenders.phase('its replica has taken over'),
  ];
  await contenders.stop();
  return table(`Redis Cluster: ${CONTENDERS} contenders, node timeout 1 s`, phases);
}

async function redlockMinority(): Promise<Table> {
  const servers = await Promise.all(Array.from({ length: 5 }, () => startRedis()));
  const [first, second] = servers;
  const contenders = await Contenders.on(`redlock://${hosts(servers)}`);
  const both = (act: (server: (typeof servers)[number]) => Promise<void>) => async () => {
    if (first) await act(first);
    if (second) await act(second);
  };
  const phases = [
    await contenders.phase('5 servers'),
    await contenders.phase(
      'the first two are killed',
      both((server) => server.kill()),
    ),
    await contenders.phase('without them'),
    await contenders.phase(
      'they are back, and empty',
      both((server) => server.restart()),
    ),
    await contenders.phase('5 servers'),
  ];
  await contenders.stop();
  for (const server of servers) await server.stop();
  return table(`Redlock: ${CONTENDERS} contenders, 5 servers`, phases);
}

/** In line with the real `etcdctl lock`, both ways. */
async function etcdctlExclusion(): Promise<Table> {
  await using etcd = await startEtcd();
  const client = new LockClient(etcdBackend(etcd.url));
  const creator = client.creator('shared');
  const rows: string[][] = [];
  const theirs = etcd.lock('baton/shared');
  await theirs.held();
  rows.push(['etcdctl holds: a try of ours', (await creator.tryAcquire(TTL_MS)) ? 'granted' : 'refused']);
  const waiting = creator.acquire(TTL_MS, WAIT_MS);
  await until(async () => (await creator.inspect()).waiters === 1, { what: 'us to be in line' });
  const endedAt = performance.now();
  await theirs.release();
  const lock = await waiting;
  rows.push(['from its end to our grant, ms', figure(performance.now() - endedAt)]);
  const next = etcd.lock('baton/shared');
  await until(async () => (await creator.inspect()).waiters === 1, { what: 'it to be in line' });
  rows.push(['we hold: etcdctl', next.key ? 'has it, too' : 'waits']);
  const releasedAt = performance.now();
  await lock.release();
  await next.held();
  rows.push(['from our release to its grant, ms', figure(performance.now() - releasedAt)]);
  await next.release();
  await client.close();
  return { title: 'etcd: in one line with etcdctl lock', head: ['', ''], rows };
}

function table(title: string, phases: readonly Phase[]): Table {
  return {
    title,
    head: ['', 'grants', 'a second', 'longest time without one, ms', 'overlaps'],
    rows: phases.map(({ what, grants, overlaps, longestGapMs }) => [
      what,
      figure(grants),
      figure(Math.round(grants / (PHASE_MS / 1_000))),
      figure(Math.round(longestGapMs)),
      figure(overlaps),
    ]),
  };
}

function hosts(servers: readonly { host: string; port: number }[]): string {
  return servers.map(({ host, port }) => `${host}:${port}`).join();
}

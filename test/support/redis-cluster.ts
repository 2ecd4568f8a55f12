import { Redis } from 'ioredis';
import { says } from './ask.ts';
import { freePort } from './free-port.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './wait.ts';

export interface ClusterOptions {
  /** 3 by default. */
  masters?: number;
  /** For each master; 1 by default. */
  replicas?: number;
  /** Further arguments of each server. */
  args?: readonly string[];
}

const SLOTS = 16_384;
/** After so long without a word a node is held for dead. */
const NODE_TIMEOUT_MS = 1_000;
const MEET_TIMEOUT_MS = 20_000;

/** Starts a Redis Cluster and waits until each of its servers calls it complete. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 1, args = [] } = options;
  const servers: RedisServer[] = [];
  const cluster = new RedisCluster(servers, masters);
  try {
    for (let count = 0; count < masters * (1 + replicas); count++) servers.push(await startNode(args));
    await cluster.form();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function startNode(args: readonly string[]): Promise<RedisServer> {
  return startRedis({
    hostNetwork: true,
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
      // The default is the port plus 10 000, which may be taken.
      ...['--cluster-port', String(await freePort())],
      // One that has never met another does not know its own.
      ...['--cluster-announce-ip', '127.0.0.1'],
      ...['--repl-diskless-sync-delay', '0', '--cluster-replica-validity-factor', '0'],
      ...args,
    ],
  });
}

/** Masters with equal shares of the slots, each with its replicas. */
export class RedisCluster implements AsyncDisposable {
  /** First those that began as masters, then the replicas, in turn one for each of them. */
  readonly servers: readonly RedisServer[];
  readonly #masters: number;

  constructor(servers: readonly RedisServer[], masters: number) {
    this.servers = servers;
    this.#masters = masters;
  }

  /** What a client is told of the cluster. */
  get nodes(): { host: string; port: number }[] {
    return this.servers.map(({ host, port }) => ({ host, port }));
  }

  /**
   * What `redis-cli --cluster create` does, by the same commands, so that it works in containers, too, and without its
   * waits of whole seconds.
   */
  async form(): Promise<void> {
    const connections = this.servers.map(({ host, port }) => new Redis(port, host));
    try {
      const ids = await Promise.all(connections.map((node) => node.cluster('MYID') as Promise<string>));
      const share = SLOTS / this.#masters;
      for (const [index, node] of connections.entries()) {
        await node.cluster('SET-CONFIG-EPOCH', index + 1);
        if (index >= this.#masters) continue;
        await node.cluster('ADDSLOTSRANGE', Math.ceil(index * share), Math.ceil((index + 1) * share) - 1);
      }
      await this.#meet(connections);
      await this.#all(new RegExp(`cluster_known_nodes:${this.servers.length}\\b`));
      for (const [index, node] of connections.entries()) {
        if (index < this.#masters) continue;
        await retried(() => node.cluster('REPLICATE', ids[index % this.#masters] ?? ''));
      }
    } finally {
      for (const node of connections) node.disconnect();
    }
    await this.complete();
  }

  /** Until every server calls the cluster complete. */
  async agreed(): Promise<void> {
    await this.#all(/cluster_state:ok/);
  }

  /** As `agreed`, and until every server that began as a replica is in sync. */
  async complete(): Promise<void> {
    await this.agreed();
    for (const replica of this.servers.slice(this.#masters)) {
      await until(() => says(replica, 'INFO replication', /master_link_status:up/), {
        what: 'a replica to be in sync',
        timeout: MEET_TIMEOUT_MS,
      });
    }
  }

  /** The server that is master of a key's slot at the moment, as those say that answer. */
  async masterOf(key: string): Promise<RedisServer> {
    for (const server of this.servers) {
      const node = probe(server);
      try {
        const slot = await node.cluster('KEYSLOT', key);
        const table = await node.cluster('SLOTS');
        const port = table.find(([first, last]) => first <= slot && slot <= last)?.[2]?.[1];
        const master = this.servers.find((candidate) => candidate.port === port);
        if (master) return master;
      } catch {
        // Dead or stopped: another knows, too.
      } finally {
        node.disconnect();
      }
    }
    throw new Error(`no server of the cluster knows the master of ${key}`);
  }

  /** Moves a key's slot, with all that is in it, to another master, by the steps that every resharding tool takes. */
  async move(key: string, to: RedisServer): Promise<void> {
    const from = await this.masterOf(key);
    if (from === to) return;
    const source = new Redis(from.port, from.host);
    const target = new Redis(to.port, to.host);
    try {
      const slot = await source.cluster('KEYSLOT', key);
      const [sourceId, targetId] = [await source.cluster('MYID'), await target.cluster('MYID')] as string[];
      await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId ?? '');
      await source.cluster('SETSLOT', slot, 'MIGRATING', targetId ?? '');
      for (;;) {
        const keys = await source.cluster('GETKEYSINSLOT', slot, 10);
        if (keys.length === 0) break;
        await source.call('MIGRATE', to.host, to.port, '', 0, 1_000, 'REPLACE', 'KEYS', ...keys);
      }
      await target.cluster('SETSLOT', slot, 'NODE', targetId ?? '');
      await source.cluster('SETSLOT', slot, 'NODE', targetId ?? '');
    } finally {
      source.disconnect();
      target.disconnect();
    }
    // The next move begins with what the others say.
    await until(async () => (await this.masterOf(key)) === to, { what: 'the others to know of the move' });
  }

  /** The replicas that a server which began as a master was given. */
  replicasOf(master: RedisServer): RedisServer[] {
    const place = this.servers.indexOf(master);
    return this.servers.filter((_, index) => index >= this.#masters && index % this.#masters === place);
  }

  async stop(): Promise<void> {
    for (const server of this.servers) await server.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #meet([first, ...others]: readonly Redis[]): Promise<void> {
    const buses = await Promise.all(
      others.map((node) => node.config('GET', 'cluster-port') as Promise<unknown>),
    );
    for (const [index, { host, port }] of this.servers.slice(1).entries()) {
      const bus = Object.values(Object(buses[index])).at(-1);
      await first?.cluster('MEET', host, port, Number(bus));
    }
  }

  async #all(pattern: RegExp): Promise<void> {
    for (const server of this.servers) {
      await until(() => says(server, 'CLUSTER INFO', pattern), {
        what: `${pattern} of all servers`,
        timeout: MEET_TIMEOUT_MS,
      });
    }
  }
}

function probe({ host, port }: RedisServer): Redis {
  const node = new Redis({ host, port, retryStrategy: () => null, commandTimeout: 500, connectTimeout: 500 });
  node.on('error', () => {});
  return node;
}

/** A node may not have heard yet of the one it is told about. */
async function retried(command: () => Promise<unknown>): Promise<void> {
  await until(
    () =>
      command().then(
        () => true,
        () => false,
      ),
    { what: 'a node to be known', timeout: MEET_TIMEOUT_MS },
  );
}

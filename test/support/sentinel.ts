import { type Address, says } from './ask.ts';
import { RedisServer, startRedis } from './redis-server.ts';
import { until } from './wait.ts';

/** A master, two replicas and three Sentinels that watch them, two of which decide. */
export interface SentinelGroup extends AsyncDisposable {
  /** The name of the master, as clients ask for it. */
  readonly name: string;
  readonly sentinels: { host: string; port: number }[];
  /** The server that was the master at the start; after a failover it is no longer. */
  readonly master: RedisServer;
  readonly replicas: readonly RedisServer[];
  readonly watchers: readonly RedisServer[];
  /** The server that calls itself the master and answers, other than those given. */
  masterOtherThan(...former: readonly RedisServer[]): Promise<RedisServer>;
  stop(): Promise<void>;
}

const NAME = 'batonlock-test';
const CONF_FILE = 'sentinel.conf';
const REPLICAS = 2;
const WATCHERS = 3;
const QUORUM = 2;
const FAILOVER_TIMEOUT_MS = 20_000;

export interface SentinelOptions {
  /** Further arguments of the master and the replicas. */
  args?: readonly string[];
  /** Where replicas and Sentinels shall look for the master, if not at its own address: to cut it off from them. */
  through?: (master: RedisServer) => Promise<Address>;
}

/** Starts them all and waits until the replicas are in sync and the Sentinels know of everybody. */
export async function startSentinel({ args = [], through }: SentinelOptions = {}): Promise<SentinelGroup> {
  const servers: RedisServer[] = [];
  const stop = async () => {
    // The Sentinels first, as they would answer the end of the others with a failover.
    for (const server of servers.toReversed()) await server.stop();
  };
  try {
    const common = ['--repl-diskless-sync-delay', '0', ...args];
    const master = await startRedis({ hostNetwork: true, args: common });
    servers.push(master);
    const { host, port } = through ? await through(master) : master;
    const replicas: RedisServer[] = [];
    for (let count = 0; count < REPLICAS; count++) {
      const replicaof = ['--replicaof', host, String(port)];
      replicas.push(await startRedis({ hostNetwork: true, args: [...common, ...replicaof] }));
    }
    servers.push(...replicas);
    // In sync before the Sentinels first look: they look for replicas only every 10 seconds.
    for (const replica of replicas) {
      await until(() => says(replica, 'INFO replication', /master_link_status:up/), {
        what: 'a replica to be in sync',
      });
    }
    const watchers: RedisServer[] = [];
    for (let count = 0; count < WATCHERS; count++) watchers.push(await startWatcher({ host, port }));
    servers.push(...watchers);
    const known = new RegExp(
      `num-slaves\\r\\n\\$1\\r\\n${REPLICAS}[^]*num-other-sentinels\\r\\n\\$1\\r\\n${WATCHERS - 1}`,
    );
    for (const watcher of watchers) {
      await until(() => says(watcher, `SENTINEL MASTER ${NAME}`, known), {
        what: 'a Sentinel to know everybody',
        timeout: FAILOVER_TIMEOUT_MS,
      });
    }
    const sentinels = watchers.map(({ host, port }) => ({ host, port }));
    const masterOtherThan = (...former: readonly RedisServer[]) => masterAmong([master, ...replicas], former);
    return {
      name: NAME,
      sentinels,
      master,
      replicas,
      watchers,
      masterOtherThan,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function masterAmong(servers: readonly RedisServer[], former: readonly RedisServer[]): Promise<RedisServer> {
  return until(
    async () => {
      for (const server of servers) {
        if (!former.includes(server) && (await says(server, 'ROLE', /master/))) return server;
      }
      return undefined;
    },
    { what: 'the failover', timeout: FAILOVER_TIMEOUT_MS },
  );
}

function startWatcher(master: Address): Promise<RedisServer> {
  return RedisServer.start({
    args: (port, bind) => [`./${CONF_FILE}`, '--sentinel', '--port', String(port), '--bind', bind],
    files: [{ name: CONF_FILE, content: sentinelConf(master) }],
    ready: 'Sentinel ID is',
    hostNetwork: true,
  });
}

function sentinelConf(master: Address): string {
  return [
    'protected-mode no',
    `sentinel monitor ${NAME} ${master.host} ${master.port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 5000`,
    '',
  ].join('\n');
}

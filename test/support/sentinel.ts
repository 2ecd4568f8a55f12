import { type Address, says } from './ask.ts';
import { RedisServer, startRedis } from './redis-server.ts';
import { until } from './wait.ts';

/** A master, a replica and one Sentinel that watches them and decides alone. */
export interface SentinelGroup extends AsyncDisposable {
  /** The name of the master, as clients ask for it. */
  readonly name: string;
  readonly sentinels: { host: string; port: number }[];
  /** The server that was the master at the start; after a failover it is no longer. */
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: RedisServer;
  stop(): Promise<void>;
}

const NAME = 'batonlock-test';
const CONF_FILE = 'sentinel.conf';

/** Starts the three and waits until the replica is in sync and the Sentinel knows both servers. */
export async function startSentinel(): Promise<SentinelGroup> {
  const servers: RedisServer[] = [];
  const stop = async () => {
    // The Sentinel first, as it would answer the end of the others with a failover.
    for (const server of servers.toReversed()) await server.stop();
  };
  try {
    const master = await startRedis({ hostNetwork: true, args: ['--repl-diskless-sync-delay', '0'] });
    servers.push(master);
    const replicaof = ['--replicaof', master.host, String(master.port)];
    const replica = await startRedis({ hostNetwork: true, args: replicaof });
    servers.push(replica);
    // In sync before the Sentinel first looks: it looks for replicas only every 10 seconds.
    await until(() => says(replica, 'INFO replication', /master_link_status:up/), {
      what: 'the replica to be in sync',
    });
    const sentinel = await startWatcher(master);
    servers.push(sentinel);
    await until(() => says(sentinel, `SENTINEL REPLICAS ${NAME}`, /master-link-status\r\n\$2\r\nok/), {
      what: 'the Sentinel to know the replica',
    });
    const sentinels = [{ host: sentinel.host, port: sentinel.port }];
    return { name: NAME, sentinels, master, replica, sentinel, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
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
    `sentinel monitor ${NAME} ${master.host} ${master.port} 1`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 5000`,
    '',
  ].join('\n');
}

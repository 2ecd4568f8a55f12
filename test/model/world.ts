import { Redis } from 'ioredis';
import { LockClient, memoryBackend, redisBackend } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';

/** What the model's commands are run against: clients of one lock, and the faults that the engine can have. */
export interface World {
  readonly title: string;
  /** The engine's folder in `src`. */
  readonly folder: string;
  readonly faults: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A client on connections of its own. */
  connect(): Promise<Member>;
}

/** One client of the world. */
export interface Member {
  readonly client: LockClient;
  /** Ends its connections without a word to the server, as a killed process would. */
  crash(): void;
  /** Cuts its connections, which it makes anew. */
  reconnect(link: 'commands' | 'subscriber'): Promise<void>;
  close(): Promise<void>;
}

export function memoryWorld(): World {
  return {
    title: 'memory',
    folder: 'memory',
    faults: false,
    start: async () => {},
    stop: async () => {},
    async connect() {
      const client = new LockClient(shared);
      const never = () => {
        throw new Error('memory has no connections');
      };
      return { client, crash: never, reconnect: never, close: () => client.close() };
    },
  };
}
const shared = memoryBackend();

export function redisWorld(): World {
  let server: RedisServer;
  let admin: Redis;
  let members = 0;
  return {
    title: 'Redis',
    folder: 'redis',
    faults: true,
    async start() {
      server = await startRedis();
      admin = new Redis(server.url);
    },
    async stop() {
      admin.disconnect();
      await server.stop();
    },
    async connect() {
      const name = `member-${++members}`;
      const redis = new Redis(server.url, { connectionName: name });
      const connections = [redis];
      const duplicate = redis.duplicate.bind(redis);
      redis.duplicate = (override) => {
        const subscriber = duplicate({ ...override, connectionName: `${name}-subscriber` });
        connections.push(subscriber);
        return subscriber;
      };
      const client = new LockClient(redisBackend(redis));
      return {
        client,
        crash() {
          for (const connection of connections) connection.disconnect();
        },
        reconnect: (link) => kill(link === 'commands' ? name : `${name}-subscriber`),
        async close() {
          await client.close();
          redis.disconnect();
        },
      };
    },
  };

  /** Kills a connection and waits for the one that takes its place, with as many subscriptions. */
  async function kill(name: string): Promise<void> {
    const old = await find(name);
    if (!old) return;
    await admin.call('CLIENT', 'KILL', 'ID', old.id);
    // Until then a release would pass over who cannot hear it: no fault, but another order than the model's.
    await until(
      async () => {
        const now = await find(name);
        return now && now.id !== old.id && now.subscriptions === old.subscriptions;
      },
      { what: `${name} to be back` },
    );
  }

  /** By its name: a connection's address is another one where the server is in a container. */
  async function find(name: string): Promise<{ id: string; subscriptions: string } | undefined> {
    const list = String(await admin.call('CLIENT', 'LIST')).split('\n');
    const line = list.find((text) => text.includes(` name=${name} `));
    const [, id = '', subscriptions = ''] = line?.match(/^id=(\d+) .* sub=(\d+) /) ?? [];
    return line === undefined ? undefined : { id, subscriptions };
  }
}

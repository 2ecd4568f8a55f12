import { Redis } from 'ioredis';
import { LockClient, memoryBackend, redisBackend } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

/** What the model's commands are run against: clients of one lock, and the faults that the engine can have. */
export interface World {
  readonly title: string;
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
  return {
    title: 'Redis',
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
      const redis = new Redis(server.url);
      const subscribers: Redis[] = [];
      const duplicate = redis.duplicate.bind(redis);
      redis.duplicate = (override) => {
        const subscriber = duplicate(override);
        subscribers.push(subscriber);
        return subscriber;
      };
      const client = new LockClient(redisBackend(redis));
      const cut = async (connection: Redis | undefined) => {
        if (connection?.status !== 'ready') return;
        await admin.call('CLIENT', 'KILL', 'ID', String(await idOf(connection)));
      };
      return {
        client,
        crash() {
          for (const connection of [redis, ...subscribers]) connection.disconnect();
        },
        reconnect: (link) => cut(link === 'commands' ? redis : subscribers.at(-1)),
        async close() {
          await client.close();
          redis.disconnect();
        },
      };

      async function idOf(connection: Redis): Promise<number> {
        const { localPort } = Reflect.get(connection, 'stream') as { localPort: number };
        const list = (await admin.call('CLIENT', 'LIST')) as string;
        const line = list.split('\n').find((text) => text.includes(`addr=127.0.0.1:${localPort} `)) ?? '';
        return Number(/id=(\d+)/.exec(line)?.[1]);
      }
    },
  };
}

import { backendFromUrl, LockClient } from '../../src/index.ts';
import { SplitRedis } from '../faults/split-redis.ts';

/** How a client process reaches its servers: by a URL, or at two ports, so that commands and messages can fail apart. */
export type Way =
  | { readonly url: string }
  | { readonly ports: { readonly commands: number; readonly subscriber: number } };

export interface Connected {
  readonly client: LockClient;
  close(): Promise<void>;
}

export async function connect(way: Way): Promise<Connected> {
  if ('url' in way) {
    const client = new LockClient(await backendFromUrl(way.url));
    return { client, close: () => client.close() };
  }
  const redis = new SplitRedis(way.ports);
  // As every user of ioredis has to; what fails reaches whoever waits for it.
  redis.on('error', () => {});
  const client = new LockClient(redis);
  return {
    client,
    async close() {
      await client.close();
      redis.disconnect();
    },
  };
}

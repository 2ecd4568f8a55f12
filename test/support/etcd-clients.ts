import { etcdBackend } from '../../src/etcd/backend.ts';
import { type CreatorOptions, LockClient, type LockCreator } from '../../src/index.ts';
import { until } from './wait.ts';

/** Clients that are closed before what they are connected to. */
export class EtcdClients implements AsyncDisposable {
  readonly #clients: LockClient[] = [];

  creatorOn(url: string, commandTimeout = 1_000, options?: CreatorOptions): LockCreator {
    const client = new LockClient(etcdBackend(url, { commandTimeout }));
    this.#clients.push(client);
    return client.creator('lock', options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** Until so many are in line behind the holder. */
export async function queued(creator: LockCreator, count: number): Promise<void> {
  await until(async () => (await creator.inspect()).waiters === count, { what: `${count} in line` });
}

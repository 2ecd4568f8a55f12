import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import { type CreatorOptions, type Lock, LockClient, type LockCreator } from '../../src/index.ts';
import { type EtcdCluster, startEtcd } from './etcd.ts';
import { until } from './wait.ts';

/** One etcd for the cases of a file, and clients of the lock of each case, which has several units. */
export class EtcdUnits {
  /** The lock of the case that runs now. */
  name = '';
  #etcd: EtcdCluster | undefined;
  #cases = 0;
  readonly #clients: LockClient[] = [];

  /** Registers the hooks of the file. */
  constructor() {
    beforeAll(async () => {
      this.#etcd = await startEtcd();
    });
    afterAll(() => this.#etcd?.stop());
    beforeEach(() => {
      this.#cases += 1;
      this.name = `case-${this.#cases}`;
    });
    afterEach(async () => {
      for (const client of this.#clients.splice(0)) await client.close();
      await this.etcd.ctl('del', '--prefix', 'baton/');
      // What was abandoned ends with its lease.
      for (const lease of await this.etcd.leases()) await this.etcd.ctl('lease', 'revoke', lease);
    });
  }

  get etcd(): EtcdCluster {
    if (!this.#etcd) throw new Error('etcd was not started');
    return this.#etcd;
  }

  /** The lock of this case, with a capacity, through a client of its own. */
  creator(capacity: number, options: CreatorOptions = {}): LockCreator {
    const client = new LockClient(etcdBackend(this.etcd.url));
    this.#clients.push(client);
    return client.creator(this.name, { capacity, ...options });
  }

  /** Until so many wait. */
  async queued(count: number, creator = this.creator(1)): Promise<void> {
    await until(async () => (await creator.inspect()).waiters === count, { what: `${count} in line` });
  }

  /** Who holds, by owner ids. */
  async owners(): Promise<string[]> {
    return (await this.creator(1).inspect()).holders.map(({ owner }) => owner);
  }

  /** Has the creators in turn line up for so many units, one after another; `granted` fills with their places. */
  async lineUp(creators: readonly LockCreator[], units: readonly number[]) {
    const granted: number[] = [];
    const locks: Promise<Lock>[] = [];
    const watcher = this.creator(1);
    const before = (await watcher.inspect()).waiters;
    for (const [place, wanted] of units.entries()) {
      const creator = creators[place % creators.length] as LockCreator;
      const lock = creator.acquire(30_000, 20_000, { units: wanted });
      locks.push(lock);
      lock.then(
        () => granted.push(place),
        () => {},
      );
      await this.queued(before + place + 1, watcher);
    }
    return { granted, locks };
  }
}

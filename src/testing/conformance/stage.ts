import { LockClient } from '../../client.ts';
import type { GroupOptions } from '../../core/arguments.ts';
import type { LockBackend } from '../../core/backend.ts';
import { until } from '../wait.ts';
import { Drain, DrainedLock, type LockView } from './drained-lock.ts';
import type { Kind } from './kinds.ts';
import type { Runner } from './runner.ts';

/** What the cases of the suite play on: clients of a running engine, and a fresh name for each case. */
export class Stage {
  name = '';
  readonly kind: Kind;
  readonly it: Runner['it'];
  readonly #connect: () => LockBackend;
  readonly #clients: LockClient[] = [];
  readonly #drains = new Map<string, Drain>();
  #cases = 0;

  /** To be made where the cases are described: the hooks are for those beside it. */
  constructor(kind: Kind, connect: () => LockBackend, { it, beforeEach, afterEach }: Runner) {
    this.kind = kind;
    this.it = it;
    this.#connect = connect;
    beforeEach(async () => {
      this.#cases += 1;
      this.name = `${kind.title}, case ${this.#cases}`;
      await this.#drain(this.name);
    });
    afterEach(async () => {
      for (const client of this.#clients.splice(0)) await client.close();
      this.#drains.clear();
    });
  }

  /** A client as another process would have it. */
  client(): LockClient {
    const client = new LockClient(this.#connect());
    this.#clients.push(client);
    return client;
  }

  /** The lock of this case, through a client of its own if there is none. */
  creator(client = this.client()): LockView {
    return this.#view(client, this.name);
  }

  /** Another lock of the same kind. */
  async other(client: LockClient, name: string, options?: GroupOptions): Promise<LockView> {
    await this.#drain(name, options);
    return this.#view(client, name, options);
  }

  /** Until so many waiters are queued on the server. */
  async queued(creator: Pick<LockView, 'inspect'>, count: number): Promise<void> {
    await until(async () => (await creator.inspect()).waiters === count, {
      what: `${count} waiters in line`,
    });
  }

  #view(client: LockClient, name: string, options?: GroupOptions): LockView {
    const creator = this.kind.open(client, name, options);
    const drain = this.#drains.get(creator.name);
    return drain ? new DrainedLock(creator, drain) : creator;
  }

  async #drain(name: string, options?: GroupOptions): Promise<void> {
    if (this.kind.drained === 0) return;
    const creator = this.kind.open(this.client(), name, options);
    if (this.#drains.has(creator.name)) return;
    const drain = new Drain(creator, this.kind.drained);
    this.#drains.set(creator.name, drain);
    await drain.fill();
  }
}

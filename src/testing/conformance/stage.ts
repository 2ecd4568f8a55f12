import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type GroupOptions, LockClient } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import { Drain, DrainedLock, type LockView } from './drained-lock.ts';
import type { Engine, Fixture } from './engines.ts';
import type { Kind } from './kinds.ts';

/** A running engine, for all that is played on it. */
export class House {
  readonly #engine: Engine;
  #fixture: Fixture | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    beforeAll(async () => {
      this.#fixture = await engine.start();
    });
    afterAll(() => this.#fixture?.stop());
  }

  connect(): LockClient {
    if (!this.#fixture) throw new Error(`${this.#engine.title} was not started`);
    return new LockClient(this.#fixture.connect());
  }
}

/** What the cases of the suite play on: clients of a running engine, and a fresh name for each case. */
export class Stage {
  name = '';
  readonly kind: Kind;
  readonly #house: House;
  readonly #clients: LockClient[] = [];
  readonly #drains = new Map<string, Drain>();
  #cases = 0;

  constructor(house: House, kind: Kind) {
    this.#house = house;
    this.kind = kind;
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
    const client = this.#house.connect();
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

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { LockClient, type LockCreator } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import type { Engine, Fixture } from './engines.ts';

/** What the cases of the suite play on: a running engine, clients of it, and a fresh name for each case. */
export class Stage {
  name = '';
  readonly #engine: Engine;
  readonly #clients: LockClient[] = [];
  #fixture: Fixture | undefined;
  #cases = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    beforeAll(async () => {
      this.#fixture = await engine.start();
    });
    afterAll(() => this.#fixture?.stop());
    beforeEach(() => {
      this.#cases += 1;
      this.name = `case-${this.#cases}`;
    });
    afterEach(async () => {
      for (const client of this.#clients.splice(0)) await client.close();
    });
  }

  /** A client as another process would have it. */
  client(): LockClient {
    if (!this.#fixture) throw new Error(`${this.#engine.title} was not started`);
    const client = new LockClient(this.#fixture.connect());
    this.#clients.push(client);
    return client;
  }

  /** The lock of this case, through a client of its own. */
  creator(): LockCreator {
    return this.client().creator(this.name);
  }

  /** Until so many waiters are queued on the server. */
  async queued(creator: LockCreator, count: number): Promise<void> {
    await until(async () => (await creator.inspect()).waiters === count, {
      what: `${count} waiters in line`,
    });
  }
}

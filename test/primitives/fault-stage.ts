import { Redis } from 'ioredis';
import { afterEach, beforeEach } from 'vitest';
import { type Counter, LockClient, redisBackend } from '../../src/index.ts';
import type { RedisBackendOptions } from '../../src/redis/options.ts';
import { SplitRedis } from '../faults/split-redis.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';

export const TTL = 60_000;
export const NAME = 'batch';
export const KEY = `baton:{${NAME}}:counter`;

/** What a promise comes to, an error included, so that nobody has to hurry to await it. */
export function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => value ?? 'reached',
    (error: unknown) => error,
  );
}

/** A server of its own for each test, and one counter: by way of proxies that break links, and straight. */
export class FaultStage {
  server!: RedisServer;
  /** On the way of commands. */
  commands!: FaultProxy;
  /** On the way of messages. */
  messages!: FaultProxy;
  redis!: Redis;
  readonly #endings: (() => unknown)[] = [];
  #straight!: LockClient;

  constructor() {
    beforeEach(() => this.#start());
    afterEach(() => this.#stop());
  }

  /** The counter by way of the proxies. */
  counter(options?: RedisBackendOptions, ttl = TTL): Counter {
    const connection = new SplitRedis({ commands: this.commands.port, subscriber: this.messages.port });
    const client = new LockClient(redisBackend(connection, options));
    // What a link that is cut fails with, ioredis would print.
    connection.on('error', () => {});
    this.atEnd(() => connection.disconnect());
    this.atEnd(() => client.close());
    return client.counter(NAME, { ttl });
  }

  /** The counter as a client has it whose links are fine. */
  sibling(): Counter {
    return this.#straight.counter(NAME, { ttl: TTL });
  }

  atEnd(ending: () => unknown): void {
    this.#endings.push(ending);
  }

  /** How many clients listen to the counter. */
  async listeners(): Promise<number> {
    const [, count] = (await this.redis.call('PUBSUB', 'SHARDNUMSUB', `${KEY}:events`)) as [string, number];
    return Number(count);
  }

  async listening(): Promise<void> {
    await until(async () => (await this.listeners()) > 0, { what: 'the subscription' });
  }

  async #start(): Promise<void> {
    this.server = await startRedis();
    [this.commands, this.messages] = await Promise.all([startProxy(this.server), startProxy(this.server)]);
    this.redis = new Redis(this.server.url);
    this.#straight = new LockClient(this.server.url);
    // Known to the server before anything is swallowed, or the first reply would be NOSCRIPT.
    await this.redis.script('LOAD', scripts.count.lua);
  }

  async #stop(): Promise<void> {
    for (const end of this.#endings.splice(0).reverse()) await end();
    await this.#straight.close();
    this.redis.disconnect();
    await Promise.all([this.commands.stop(), this.messages.stop()]);
    await this.server.stop();
  }
}

import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { BuyerCrew } from './buyer-crew.ts';
import type { BuyersReport } from './buyers.ts';
import { connect, explain } from './connect.ts';
import { LOCK_NAME } from './orders.ts';
import { RedisShop } from './redis-shop.ts';
import { CannotRun, type Outcome, type Sale, type Stage } from './sale.ts';
import { countCommands } from './server-counts.ts';

/** Opens a stage with `processes` processes of buyers. Rejects with `CannotRun`. */
export async function openRedisStage(url: string, processes: number): Promise<Stage> {
  const redis = await connect(url);
  const stage = new RedisStage(redis, processes, new URL(url).host);
  try {
    await stage.open(url);
    return stage;
  } catch (error) {
    await stage.close();
    throw error;
  }
}

/** Buyers in several processes, the stock and the lock in Redis. */
class RedisStage implements Stage {
  readonly place: string;
  readonly #redis: Redis;
  /** Ours alone, so that nothing of the user's is touched and two demos do not meet. */
  readonly #prefix = `batonlock-demo:${randomUUID().slice(0, 8)}`;
  readonly #shop: RedisShop;
  readonly #crews: readonly BuyerCrew[];
  #onServed: (served: number) => void = () => {};

  constructor(redis: Redis, processes: number, host: string) {
    this.place = `in ${processes} ${processes === 1 ? 'process' : 'processes'}, Redis at ${host}`;
    this.#redis = redis;
    this.#shop = new RedisShop(redis, this.#prefix);
    const onServed = (): void => this.#onServed(this.#crews.reduce((sum, { served }) => sum + served, 0));
    this.#crews = Array.from({ length: processes }, () => new BuyerCrew(onServed));
  }

  /** Resolves when every process is connected and awaits its buyers. */
  async open(url: string): Promise<void> {
    const prefix = this.#prefix;
    await Promise.all(this.#crews.map((crew) => crew.order({ type: 'open', url, prefix })));
  }

  async hold(sale: Sale, onServed: (served: number) => void): Promise<Outcome> {
    this.#onServed = onServed;
    try {
      await this.#shop.open(sale.items);
      const before = await countCommands(this.#redis);
      const startedAt = performance.now();
      const reports = await this.#serve(sale);
      const seconds = (performance.now() - startedAt) / 1_000;
      const after = await countCommands(this.#redis);
      return {
        sale,
        sold: await this.#shop.receipts(),
        turnedAway: reports.reduce((sum, report) => sum + report.turnedAway, 0),
        seconds,
        waitsUs: reports.flatMap((report) => report.waitsUs),
        handoffs: before && after && after.messages - before.messages,
        commands: before && after && after.scripts - before.scripts,
      };
    } catch (error) {
      // Whatever fails here, fails because of the server or a process: there is nobody to show a stack to.
      throw error instanceof CannotRun ? error : new CannotRun(`Redis failed: ${explain(error)}`);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#crews.map((crew) => crew.leave()));
    const record = `${this.#prefix}:{${LOCK_NAME}}`;
    // A server that has gone keeps nothing for long: all of these keys expire.
    await this.#redis.del(...this.#shop.keys, record, `${record}:queue`).catch(() => {});
    this.#redis.disconnect();
  }

  async #serve({ buyers, locked }: Sale): Promise<BuyersReport[]> {
    const answers = await Promise.all(
      this.#crews.map((crew, index) => {
        const share = Math.floor((buyers + index) / this.#crews.length);
        return crew.order({ type: 'serve', buyers: share, locked });
      }),
    );
    return answers.flatMap((answer) => (answer.type === 'done' ? [answer.report] : []));
  }
}

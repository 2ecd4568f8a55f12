import type { Redis } from 'ioredis';
import type { Shop } from './shop.ts';

/** The keys end by themselves if the demo is killed before it can delete them, in s. */
const KEY_LIFE_S = 600;

/** A shop on the server, for buyers in several processes. */
export class RedisShop implements Shop {
  /** What the shop stores under. */
  readonly keys: readonly [stock: string, receipts: string];
  readonly #redis: Redis;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.keys = [`${prefix}:stock`, `${prefix}:receipts`];
  }

  /** Fills the shelves and starts a new roll of receipts. */
  async open(items: number): Promise<void> {
    const [, receipts] = this.keys;
    await this.setStock(items);
    await this.#redis.set(receipts, 0, 'EX', KEY_LIFE_S);
  }

  async stock(): Promise<number> {
    const [stock] = this.keys;
    return Number(await this.#redis.get(stock));
  }

  async setStock(left: number): Promise<void> {
    const [stock] = this.keys;
    await this.#redis.set(stock, left, 'EX', KEY_LIFE_S);
  }

  async issueReceipt(): Promise<void> {
    const [, receipts] = this.keys;
    await this.#redis.incr(receipts);
  }

  /** Receipts issued since `open`. */
  async receipts(): Promise<number> {
    const [, receipts] = this.keys;
    return Number(await this.#redis.get(receipts));
  }
}

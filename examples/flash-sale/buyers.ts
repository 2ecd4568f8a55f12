import { setTimeout as pause } from 'node:timers/promises';
import type { LockCreator } from '../../src/index.ts';
import { buy, type Shop } from './shop.ts';

/** Within this time all buyers come, each at a moment of its own, in ms. */
export const RUSH_MS = 500;
/** Ample: a buyer holds the lock for some ms, and only one who has died would keep it this long. */
const LOCK_TTL_MS = 10_000;

/** What the buyers of one process have to tell. */
export interface BuyersReport {
  readonly turnedAway: number;
  readonly waitsUs: number[];
  /** How many asked for the lock while another buyer of this process held it or was in line for it. */
  readonly stoodInLine: number;
}

/** The buyers of one process, who come in a rush. */
export class Buyers {
  readonly #shop: Shop;
  /** Without one the buyers do not wait for each other. */
  readonly #lock: LockCreator | undefined;
  readonly #waitsUs: number[] = [];
  #turnedAway = 0;
  #stoodInLine = 0;
  /** Buyers who have asked for the lock and not given it back: taken, or in line for it. */
  #around = 0;

  constructor(shop: Shop, lock: LockCreator | undefined) {
    this.#shop = shop;
    this.#lock = lock;
  }

  /** Resolves when `count` buyers have been served; calls `onServed` after each. */
  async serve(count: number, onServed: (served: number) => void): Promise<BuyersReport> {
    let served = 0;
    const buyers = Array.from({ length: count }, async () => {
      await pause(Math.random() * RUSH_MS);
      const bought = this.#lock ? await this.#buyInTurn(this.#lock) : await buy(this.#shop);
      if (!bought) this.#turnedAway += 1;
      served += 1;
      onServed(served);
    });
    await Promise.all(buyers);
    return { turnedAway: this.#turnedAway, waitsUs: this.#waitsUs, stoodInLine: this.#stoodInLine };
  }

  async #buyInTurn(creator: LockCreator): Promise<boolean> {
    if (this.#around > 0) this.#stoodInLine += 1;
    this.#around += 1;
    const askedAt = performance.now();
    const lock = await creator.acquire(LOCK_TTL_MS);
    this.#waitsUs.push(Math.round((performance.now() - askedAt) * 1_000));
    try {
      return await buy(this.#shop);
    } finally {
      this.#around -= 1;
      await lock.release();
    }
  }
}

import { setTimeout as pause } from 'node:timers/promises';

/** Longest time a buyer thinks before paying, in ms. */
export const LONGEST_THOUGHT_MS = 2;

/** A shop whose stock can be read and written, but not changed in one step. */
export interface Shop {
  stock(): Promise<number>;
  setStock(left: number): Promise<void>;
  issueReceipt(): Promise<void>;
}

/** Reads the stock, thinks for a moment, writes it back. False when there was nothing left. */
export async function buy(shop: Shop): Promise<boolean> {
  const left = await shop.stock();
  if (left <= 0) return false;
  await pause(Math.random() * LONGEST_THOUGHT_MS);
  // By now `left` may be old news, unless a lock has kept the others out.
  await shop.setStock(left - 1);
  await shop.issueReceipt();
  return true;
}

/** A shop in this process. One process is enough to oversell: its buyers take turns at every await. */
export class MemoryShop implements Shop {
  receipts = 0;
  #left: number;

  constructor(items: number) {
    this.#left = items;
  }

  async stock(): Promise<number> {
    return this.#left;
  }

  async setStock(left: number): Promise<void> {
    this.#left = left;
  }

  async issueReceipt(): Promise<void> {
    this.receipts += 1;
  }
}

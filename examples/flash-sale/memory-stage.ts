import { LockCreator, memoryBackend } from '../../src/index.ts';
import { Buyers } from './buyers.ts';
import type { Outcome, Sale, Stage } from './sale.ts';
import { MemoryShop } from './shop.ts';

/** All buyers in this process, the stock and the lock in its memory. */
export class MemoryStage implements Stage {
  readonly place = 'all in one process, no server';
  readonly #lock = new LockCreator('flash-sale', memoryBackend());

  async hold(sale: Sale, onServed: (served: number) => void): Promise<Outcome> {
    const shop = new MemoryShop(sale.items);
    const startedAt = performance.now();
    const buyers = new Buyers(shop, sale.locked ? this.#lock : undefined);
    const { turnedAway, waitsUs, stoodInLine } = await buyers.serve(sale.buyers, onServed);
    return {
      sale,
      sold: shop.receipts,
      turnedAway,
      seconds: (performance.now() - startedAt) / 1_000,
      waitsUs,
      // Within one process, whoever stands in line is handed the lock by the one before.
      handoffs: stoodInLine,
      commands: undefined,
    };
  }

  close(): Promise<void> {
    return this.#lock.close();
  }
}

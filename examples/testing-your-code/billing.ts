import { type LockClient, LockTimeoutError } from '../../src/index.ts';

/** Where the money is booked. */
export interface Ledger {
  /** Refuses a fencing token lower than one it has seen for the order. */
  book(order: string, item: string, fencingToken: number): Promise<void>;
}

/** Bills orders: each by one process at a time, and only for as long as it has the lock. */
export class Billing {
  readonly #locks: LockClient;
  readonly #ledger: Ledger;

  constructor(locks: LockClient, ledger: Ledger) {
    this.#locks = locks;
    this.#ledger = ledger;
  }

  /** Busy: somebody else has been billing this order for 2 seconds. */
  async bill(order: string, items: readonly string[]): Promise<'billed' | 'busy'> {
    const creator = this.#locks.creator(order, { group: 'billing' });
    try {
      await creator.using(10_000, 2_000, async (lock) => {
        for (const item of items) {
          lock.signal.throwIfAborted();
          await this.#ledger.book(order, item, lock.fencingToken);
        }
      });
      return 'billed';
    } catch (error) {
      if (error instanceof LockTimeoutError) return 'busy';
      throw error;
    }
  }
}

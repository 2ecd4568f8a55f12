/** What is to happen in one round. */
export interface Sale {
  readonly buyers: number;
  readonly items: number;
  /** Whether buyers take the lock before they look at the stock. */
  readonly locked: boolean;
}

/** What one round came to. */
export interface Outcome {
  readonly sale: Sale;
  /** Receipts issued, which is not what the stock says: the stock is what goes wrong. */
  readonly sold: number;
  /** Buyers who were told that nothing is left. */
  readonly turnedAway: number;
  readonly seconds: number;
  /** One for each acquisition: from asking for the lock to having it, in µs. */
  readonly waitsUs: readonly number[];
  /** Locks handed by one buyer's release to the next in line; undefined where that is not known. */
  readonly handoffs: number | undefined;
  /** Commands sent to the server for the lock; undefined where that is not known, or there is no server. */
  readonly commands: number | undefined;
}

/** Where sales are held: in this process, or in several around one Redis. */
export interface Stage {
  /** For the title. */
  readonly place: string;
  /** Holds one sale; `onServed` is told how many buyers have been served so far. */
  hold(sale: Sale, onServed: (served: number) => void): Promise<Outcome>;
  /** Ends what was opened and removes what was stored. */
  close(): Promise<void>;
}

/** Something outside this program keeps the demo from running; the message is all the user needs. */
export class CannotRun extends Error {}

/** How many more were sold than there were. */
export function oversold({ sold, sale }: Outcome): number {
  return Math.max(0, sold - sale.items);
}

/** 1 when a sale with the lock sold more than there was, or less than it could have. */
export function exitStatus(locked: Outcome): 0 | 1 {
  const { items, buyers } = locked.sale;
  return locked.sold === Math.min(items, buyers) ? 0 : 1;
}

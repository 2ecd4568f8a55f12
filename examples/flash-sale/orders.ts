import type { BuyersReport } from './buyers.ts';

/** The lock that all buyer processes share. */
export const LOCK_NAME = 'flash-sale';

/** What the parent tells a buyer process, one order at a time. */
export type Order =
  | { readonly type: 'open'; readonly url: string; readonly prefix: string }
  | { readonly type: 'serve'; readonly buyers: number; readonly locked: boolean };

/** What a buyer process answers: how far it is, and then one of the others for each order. */
export type Answer =
  | { readonly type: 'served'; readonly served: number }
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly report: BuyersReport }
  | { readonly type: 'failed'; readonly reason: string };

import { setTimeout as sleep } from 'node:timers/promises';
import type { LockClient } from '../../client.ts';
import type { LockListing } from '../../core/listing.ts';
import { LockError } from '../../errors.ts';
import { Board, type Row, type Sort } from './board.ts';
import { Grants } from './grants.ts';

/** Between two looks at all locks, so many times as long as the last has taken: a look at many must not keep the server busy. */
const REST_FACTOR = 2;
/** Many locks are not sorted anew before so many times as long as that takes has passed. */
const SORT_FACTOR = 10;

/** Keeps a board up to date: all locks now and then, those that are shown each time, and counts the grants of these. */
export class Survey {
  readonly board = new Board();
  readonly grants: Grants;
  readonly #listing: LockListing;
  readonly #pattern: string;
  readonly #intervalMs: number;
  readonly #stop = new AbortController();
  /** What went wrong at the latest look. */
  trouble: string | undefined;
  #names:
    | { readonly sort: Sort; readonly reverse: boolean; readonly until: number; readonly names: string[] }
    | undefined;

  constructor(client: LockClient, listing: LockListing, pattern: string, intervalMs: number) {
    this.#listing = listing;
    this.grants = new Grants(client);
    this.#pattern = pattern;
    this.#intervalMs = intervalMs;
  }

  /** Looks at all locks once. */
  async sweep(): Promise<void> {
    for await (const page of this.#listing.list(this.#pattern)) {
      if (this.#stop.signal.aborted) return;
      const now = performance.now();
      for (const lock of page) this.board.put(lock, now);
    }
    this.board.swept();
  }

  /** Looks at all locks until it is stopped; what fails is told as `trouble` and tried again. */
  async sweepOn(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const startedAt = performance.now();
      await this.#attempt(() => this.sweep());
      const rest = Math.max(this.#intervalMs, (performance.now() - startedAt) * REST_FACTOR);
      await sleep(rest, undefined, { signal }).catch(() => {});
    }
  }

  /** Reads these locks anew, and counts their grants from now on. */
  async look(names: readonly string[]): Promise<void> {
    this.grants.follow(names);
    await this.#attempt(async () => {
      const locks = await Promise.all(names.map((name) => this.#listing.read(name)));
      const now = performance.now();
      for (const lock of locks) this.board.put(lock, now);
    });
    this.grants.mark(performance.now());
  }

  /** All names in order, as it was a moment ago if there are many. */
  order(sort: Sort, reverse: boolean): readonly string[] {
    const now = performance.now();
    const known = this.#names;
    if (known?.sort === sort && known.reverse === reverse && now < known.until) return known.names;
    const names = this.board.sorted(sort, reverse, (name) => this.grants.rateOf(name));
    const sorted = performance.now();
    this.#names = { sort, reverse, until: sorted + (sorted - now) * SORT_FACTOR, names };
    return names;
  }

  /** The rows of these names; none for those that are gone by now. */
  rows(names: readonly string[]): Row[] {
    return names.flatMap((name) => this.board.get(name) ?? []);
  }

  stop(): void {
    this.#stop.abort();
    this.grants.stop();
  }

  async #attempt(task: () => Promise<void>): Promise<void> {
    try {
      await task();
      this.trouble = undefined;
    } catch (error) {
      if (!(error instanceof LockError)) throw error;
      if (!this.#stop.signal.aborted) this.trouble = error.message;
    }
  }
}

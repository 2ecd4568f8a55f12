import type { LockClient } from '../../client.ts';
import { LockError } from '../../errors.ts';

/** Over how long the rate is taken. */
const WINDOW_MS = 5_000;

interface Count {
  readonly stop: AbortController;
  grants: number;
  /** How many grants there had been at earlier instants, oldest first. */
  marks: { readonly at: number; readonly grants: number }[];
}

/** Counts the grants of a few locks, told by the server: between two looks at a lock any number may have come and gone. */
export class Grants {
  readonly #client: LockClient;
  readonly #counts = new Map<string, Count>();

  constructor(client: LockClient) {
    this.#client = client;
  }

  /** Counts those of these locks from now on, and of no others. */
  follow(names: readonly string[]): void {
    const wanted = new Set(names);
    for (const [name, { stop }] of this.#counts) {
      if (wanted.has(name)) continue;
      stop.abort();
      this.#counts.delete(name);
    }
    for (const name of wanted) {
      if (this.#counts.has(name)) continue;
      const count = { stop: new AbortController(), grants: 0, marks: [] };
      this.#counts.set(name, count);
      void this.#listen(name, count);
    }
  }

  /** Notes how far each count is at a local instant. */
  mark(at: number): void {
    for (const count of this.#counts.values()) {
      count.marks = [
        ...count.marks.filter((mark) => at - mark.at <= WINDOW_MS),
        { at, grants: count.grants },
      ];
    }
  }

  /** Handoffs, or other grants, per second; 0 for a lock that is not counted. */
  rateOf(name: string): number {
    const { marks = [] } = this.#counts.get(name) ?? {};
    const [first, last] = [marks[0], marks.at(-1)];
    if (!first || !last || last.at <= first.at) return 0;
    return ((last.grants - first.grants) * 1_000) / (last.at - first.at);
  }

  stop(): void {
    this.follow([]);
  }

  async #listen(name: string, count: Count): Promise<void> {
    let latest: number | undefined;
    try {
      for await (const { holders } of this.#client.creator(name).watch({ signal: count.stop.signal })) {
        const newest = Math.max(0, ...holders.map(({ fencingToken }) => fencingToken));
        if (latest !== undefined)
          count.grants += holders.filter(({ fencingToken }) => fencingToken > (latest ?? 0)).length;
        latest = Math.max(latest ?? 0, newest);
      }
    } catch (error) {
      // Of a lock that cannot be watched now, the count begins anew when it is followed next.
      if (!count.stop.signal.aborted && !(error instanceof LockError)) throw error;
      if (this.#counts.get(name) === count) this.#counts.delete(name);
    }
  }
}

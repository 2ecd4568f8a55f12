import type { LockState } from '../core/backend.ts';
import type { Watch } from '../core/watch.ts';

/** Who leads. */
export interface Leader {
  /** Owner id of the leadership. */
  readonly owner: string;
  /** The client that leads: `<client name>.<process id>.<random>`. */
  readonly client: string;
  /** Higher than that of every earlier leader. */
  readonly fencingToken: number;
}

/** The leaders of one election: who leads now, then each change; null while nobody does. */
export class Leaders implements AsyncIterableIterator<Leader | null, void, undefined> {
  readonly #states: Watch;

  constructor(states: Watch) {
    this.#states = states;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Leader | null, void>> {
    const result = await this.#states.next();
    return result.done ? result : { done: false, value: leaderOf(result.value) };
  }

  async return(): Promise<IteratorResult<Leader | null, void>> {
    await this.#states.return();
    return { done: true, value: undefined };
  }
}

function leaderOf({ holders: [holder] }: LockState): Leader | null {
  return holder ? { owner: holder.owner, client: holder.client, fencingToken: holder.fencingToken } : null;
}

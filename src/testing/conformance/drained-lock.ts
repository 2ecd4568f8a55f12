import type { LockState } from '../../core/backend.ts';
import type { Lock } from '../../core/lock.ts';
import type { LockCreator } from '../../lock-creator.ts';

/** What the cases use of a creator. */
export type LockView = Pick<
  LockCreator,
  | 'name'
  | 'acquire'
  | 'tryAcquire'
  | 'using'
  | 'inspect'
  | 'isLocked'
  | 'owner'
  | 'forceRelease'
  | 'watch'
  | 'close'
>;

const LONG_MS = 600_000;
const PATIENCE_MS = 10_000;

/** Units of one semaphore that are out throughout a case, so that only the others are left to the case. */
export class Drain {
  readonly #creator: LockCreator;
  readonly #units: number;
  readonly #owners = new Set<string>();

  constructor(creator: LockCreator, units: number) {
    this.#creator = creator;
    this.#units = units;
  }

  async fill(): Promise<void> {
    const { owner } = await this.#creator.acquire(LONG_MS, PATIENCE_MS, { units: this.#units });
    this.#owners.add(owner);
  }

  /** A state without the leases of this drain. */
  hidden(state: LockState): LockState {
    return { ...state, holders: state.holders.filter(({ owner }) => !this.#owners.has(owner)) };
  }
}

/** A semaphore as it looks to who does not know that somebody drains it. */
export class DrainedLock implements LockView {
  readonly name: string;
  readonly acquire: LockView['acquire'];
  readonly tryAcquire: LockView['tryAcquire'];
  readonly using: LockView['using'];
  readonly close: LockView['close'];
  readonly #creator: LockCreator;
  readonly #drain: Drain;

  constructor(creator: LockCreator, drain: Drain) {
    this.name = creator.name;
    this.acquire = creator.acquire.bind(creator);
    this.tryAcquire = creator.tryAcquire.bind(creator);
    this.using = <T>(ttl: number, wait: number, task: (lock: Lock) => T | PromiseLike<T>) =>
      creator.using(ttl, wait, task);
    this.close = creator.close.bind(creator);
    this.#creator = creator;
    this.#drain = drain;
  }

  async inspect(): Promise<LockState> {
    return this.#drain.hidden(await this.#creator.inspect());
  }

  async owner(): Promise<string | null> {
    return (await this.inspect()).holders[0]?.owner ?? null;
  }

  async isLocked(): Promise<boolean> {
    return (await this.owner()) !== null;
  }

  /** By force the drain loses its units, too. */
  async forceRelease(): Promise<boolean> {
    if (!(await this.isLocked())) return false;
    const forced = await this.#creator.forceRelease();
    await this.#drain.fill();
    return forced;
  }

  async *watch(options?: { signal?: AbortSignal }): AsyncGenerator<LockState, void, undefined> {
    let last: string | undefined;
    for await (const state of this.#creator.watch(options)) {
      const hidden = this.#drain.hidden(state);
      const holders = hidden.holders.map(({ fencingToken }) => fencingToken).join();
      if (holders !== last) yield hidden;
      last = holders;
    }
  }
}

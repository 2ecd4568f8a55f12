import type { IEvent } from 'etcd3';
import type { LockState, Observation } from '../core/backend.ts';
import { LockBackendError } from '../errors.ts';
import type { KeyRange, Keys } from './keys.ts';
import type { EtcdLink } from './link.ts';
import { readLine } from './protocol.ts';
import { type Occupancy, Standings } from './standings.ts';
import { readOccupancy, stateOf } from './state.ts';
import type { Watches } from './watches.ts';

interface StateWatchContext {
  readonly link: EtcdLink;
  readonly keys: Keys;
  readonly watches: Watches;
}

/** Follows the keys of one lock for one watcher. */
export class StateWatch implements Observation {
  readonly #context: StateWatchContext;
  readonly #name: string;
  readonly #range: KeyRange;
  readonly #onChange: (state: LockState) => void;
  /** The line as the events tell it. */
  #standings = new Standings();
  /** Reports go out one after another, although each has to ask for the time left. */
  #reported: Promise<void> = Promise.resolve();
  #unwatch: (() => void) | undefined;
  #stopped = false;

  constructor(context: StateWatchContext, name: string, onChange: (state: LockState) => void) {
    this.#context = context;
    this.#name = name;
    this.#range = context.keys.line(name);
    this.#onChange = onChange;
  }

  async start(): Promise<this> {
    await this.#follow();
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unwatch?.();
  }

  async check(): Promise<void> {
    const occupancy = await readOccupancy(this.#context.link, this.#range, this.#name);
    // What the events have yet to tell, they will; a report of it now would come twice or in the wrong order.
    if (fencesOf(occupancy) === fencesOf(this.#standings.occupancy)) await this.#report(occupancy);
  }

  async #follow(): Promise<void> {
    const { link, watches } = this.#context;
    const { keys, revision } = await link.run(readLine(this.#range), this.#name);
    if (this.#stopped) return;
    this.#standings = new Standings(keys);
    this.#unwatch = watches.watch({
      ...this.#range,
      deletionsOnly: false,
      from: revision + 1,
      onEvents: (events) => this.#onEvents(events),
      onEnd: () => void this.#startAnew(),
    });
  }

  #onEvents(events: readonly IEvent[]): void {
    const standings = this.#standings;
    for (const { type, kv } of events) {
      const changed = type === 'Delete' ? standings.delete(kv.key) : standings.put(kv);
      if (changed) this.#report(standings.occupancy).catch(ignoreBackendError);
    }
  }

  /** etcd has forgotten some of what happened, so what it looks like now has to do. */
  async #startAnew(): Promise<void> {
    try {
      await this.#follow();
      await this.#report(this.#standings.occupancy);
    } catch (error) {
      // The next check tells the watcher what is wrong.
      ignoreBackendError(error);
    }
  }

  #report(occupancy: Occupancy): Promise<void> {
    const report = this.#reported.then(async () => {
      const state = await stateOf(this.#context.link, this.#name, occupancy);
      if (!this.#stopped) this.#onChange(state);
    });
    this.#reported = report.catch(() => {});
    return report;
  }
}

/** Who holds. */
function fencesOf({ holders }: Occupancy): string {
  return holders.map(({ place }) => place.createRevision).join();
}

function ignoreBackendError(error: unknown): void {
  if (!(error instanceof LockBackendError)) throw error;
}

import type { IEvent } from 'etcd3';
import type { LockState, Observation } from '../core/backend.ts';
import { LockBackendError, ofLock } from '../errors.ts';
import type { KeyRange, Keys } from './keys.ts';
import type { Ask, EtcdLink } from './link.ts';
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
  readonly #onEnd: (failure: LockBackendError) => void;
  /** The line as the events tell it. */
  #standings = new Standings();
  /** Reports go out one after another, although each has to ask for the time left. */
  #reported: Promise<void> = Promise.resolve();
  #unwatch: (() => void) | undefined;
  #stopped = false;

  /** `onEnd` is called when it cannot go on, and waiting does not mend that. */
  constructor(
    context: StateWatchContext,
    name: string,
    onChange: (state: LockState) => void,
    onEnd: (failure: LockBackendError) => void,
  ) {
    this.#context = context;
    this.#name = name;
    this.#range = context.keys.line(name);
    this.#onChange = onChange;
    this.#onEnd = onEnd;
  }

  async start(): Promise<this> {
    const { link } = this.#context;
    await this.#follow((call) => link.run(call, this.#name));
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

  async #follow(ask: Ask): Promise<void> {
    const { keys, revision } = await ask(readLine(this.#range));
    if (this.#stopped) return;
    this.#standings = new Standings(keys);
    this.#unwatch = this.#context.watches.watch({
      ...this.#range,
      deletionsOnly: false,
      from: revision + 1,
      onEvents: (events) => this.#onEvents(events),
      onEnd: (failure) => {
        if (failure) this.#end(ofLock(failure, this.#name));
        else this.#startAnew().catch(this.#failed);
      },
    });
  }

  #onEvents(events: readonly IEvent[]): void {
    const standings = this.#standings;
    for (const { type, kv } of events) {
      const changed = type === 'Delete' ? standings.delete(kv.key) : standings.put(kv);
      if (changed) this.#report(standings.occupancy).catch(this.#failed);
    }
  }

  /** etcd has forgotten some of what happened, so what it looks like now has to do. */
  async #startAnew(): Promise<void> {
    await this.#follow(this.#askPatiently);
    await this.#report(this.#standings.occupancy);
  }

  #report(occupancy: Occupancy): Promise<void> {
    const report = this.#reported.then(async () => {
      const state = await stateOf(this.#askPatiently, this.#name, occupancy);
      if (!this.#stopped) this.#onChange(state);
    });
    this.#reported = report.catch(() => {});
    return report;
  }

  /** Through every outage: what happens will not be told again, and on a free lock nobody comes to check. */
  readonly #askPatiently: Ask = async (call) => {
    const moot = () => this.#stopped;
    const persistence = { giveUpAt: Number.POSITIVE_INFINITY, moot, lockName: this.#name };
    return (await this.#context.link.persist(call, persistence)).reply;
  };

  readonly #failed = (error: unknown): void => {
    if (!(error instanceof LockBackendError)) throw error;
    this.#end(error);
  };

  #end(failure: LockBackendError): void {
    if (!this.#stopped) this.#onEnd(failure);
  }
}

/** Who holds. */
function fencesOf({ holders }: Occupancy): string {
  return holders.map(({ place }) => place.createRevision).join();
}

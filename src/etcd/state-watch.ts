import type { IEvent, IKeyValue } from 'etcd3';
import type { LockState, Observation } from '../core/backend.ts';
import { LockBackendError } from '../errors.ts';
import type { KeyRange, Keys } from './keys.ts';
import type { EtcdLink } from './link.ts';
import { readLine } from './protocol.ts';
import { stateOf } from './state.ts';
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
  /** The line as the events tell it, oldest first. */
  #line = new Map<string, IKeyValue>();
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
    const { link } = this.#context;
    const { keys, count } = await link.run(readLine(this.#range, 1), this.#name);
    // What the events have yet to tell, they will; a report of it now would come twice or in the wrong order.
    if (keys[0]?.create_revision === this.#first?.create_revision) await this.#report(keys[0], count);
  }

  get #first(): IKeyValue | undefined {
    return this.#line.values().next().value;
  }

  async #follow(): Promise<void> {
    const { link, watches } = this.#context;
    const { keys, revision } = await link.run(readLine(this.#range), this.#name);
    if (this.#stopped) return;
    this.#line = new Map(keys.map((key) => [nameOf(key), key]));
    this.#unwatch = watches.watch({
      ...this.#range,
      deletionsOnly: false,
      from: revision + 1,
      onEvents: (events) => this.#onEvents(events),
      onEnd: () => void this.#startAnew(),
    });
  }

  #onEvents(events: readonly IEvent[]): void {
    for (const { type, kv } of events) {
      const before = this.#first;
      if (type === 'Delete') this.#line.delete(nameOf(kv));
      else this.#line.set(nameOf(kv), kv);
      const first = this.#first;
      if (first !== before) this.#report(first, this.#line.size).catch(ignoreBackendError);
    }
  }

  /** etcd has forgotten some of what happened, so what it looks like now has to do. */
  async #startAnew(): Promise<void> {
    try {
      await this.#follow();
      await this.#report(this.#first, this.#line.size);
    } catch (error) {
      // The next check tells the watcher what is wrong.
      ignoreBackendError(error);
    }
  }

  #report(first: IKeyValue | undefined, count: number): Promise<void> {
    const report = this.#reported.then(async () => {
      const line = { keys: first ? [first] : [], count };
      const state = await stateOf(this.#context.link, this.#name, line);
      if (!this.#stopped) this.#onChange(state);
    });
    this.#reported = report.catch(() => {});
    return report;
  }
}

/** Keys are bytes; in this encoding no two look alike. */
function nameOf({ key }: IKeyValue): string {
  return key.toString('latin1');
}

function ignoreBackendError(error: unknown): void {
  if (!(error instanceof LockBackendError)) throw error;
}

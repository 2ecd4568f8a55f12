import type { LockState, Observation } from '../core/backend.ts';
import type { Keys } from './keys.ts';
import { StateWatch, type StateWatchContext } from './state-watch.ts';

/** The watches of one client. */
export class StateWatches {
  readonly #context: StateWatchContext;
  readonly #keys: Keys;

  constructor(context: Omit<StateWatchContext, 'running'>, keys: Keys) {
    this.#context = { ...context, running: new Set() };
    this.#keys = keys;
  }

  start(
    name: string,
    onChange: (state: LockState) => void,
    onEnd: (error: unknown) => void,
  ): Promise<Observation> {
    return new StateWatch(this.#context, name, this.#keys.events(name), onChange, onEnd).start();
  }

  /** Ends those that run with an error. */
  failAll(error: (name: string) => Error): void {
    for (const watch of [...this.#context.running]) watch.fail(error(watch.name));
  }
}

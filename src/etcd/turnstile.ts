import pDefer, { type DeferredPromise } from 'p-defer';

/** A turn in a `Turnstile`. */
export interface Turn {
  /** Resolves when everybody before has left. */
  readonly come: Promise<void>;
  /** Lets the next one through; once is enough. */
  leave(): void;
}

/** One at a time for each name, in the order of entry: commands that are sent together may be carried out in any. */
export class Turnstile {
  readonly #last = new Map<string, DeferredPromise<void>>();

  enter(name: string): Turn {
    const before = this.#last.get(name);
    const left = pDefer<void>();
    this.#last.set(name, left);
    const come = before ? before.promise : Promise.resolve();
    const leave = (): void => {
      // Who gives up early keeps those behind waiting for those ahead.
      void come.then(() => {
        if (this.#last.get(name) === left) this.#last.delete(name);
        left.resolve();
      });
    };
    return { come, leave };
  }
}

const EVENTS = ['unhandledRejection', 'uncaughtException'] as const;

/** What every property promises besides: nothing is thrown where nobody can catch it, and the process does not exit. */
export class Guard implements Disposable {
  /** How many exceptions were not ours, see `isForeign`. */
  foreign = 0;
  readonly #faults: string[] = [];
  readonly #restore: () => void;
  readonly #isForeign: (error: unknown) => boolean;

  /** `isForeign` tells which of them a dependency is to blame for, as nobody but that could catch them. */
  constructor(isForeign: (error: unknown) => boolean = () => false) {
    this.#isForeign = isForeign;
    // A test runner has its own: what happens here is to be blamed on a case, and not only on the run.
    const listeners = EVENTS.map((event) => [event, process.rawListeners(event)] as const);
    const { exit } = process;
    const note = new Map(
      EVENTS.map((event) => [event, (error: unknown) => this.#note(event, error)] as const),
    );
    for (const event of EVENTS) {
      process.removeAllListeners(event);
      process.on(event, note.get(event) as () => void);
    }
    process.exit = ((code?: number) => {
      this.#faults.push(`process.exit(${code})`);
    }) as typeof process.exit;
    this.#restore = () => {
      process.exit = exit;
      for (const [event, before] of listeners) {
        process.removeAllListeners(event);
        for (const listener of before) process.on(event, listener as () => void);
      }
    };
  }

  /** Waits until Node has told of all that was rejected so far; throws if it did. */
  async check(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const [first] = this.#faults.splice(0);
    if (first !== undefined) throw new Error(first);
  }

  [Symbol.dispose](): void {
    this.#restore();
  }

  #note(event: string, error: unknown): void {
    if (this.#isForeign(error)) this.foreign += 1;
    else this.#faults.push(`${event}: ${error instanceof Error ? error.stack : typeof error}`);
  }
}

interface Ending {
  readonly scope: object;
  stop(): void;
}

/** What has to be stopped when whoever started it is closed. A scope is whoever asked. */
export class Endings {
  readonly #endings = new Set<Ending>();

  /** Returns how to take it back. */
  add(scope: object, stop: () => void): () => void {
    const ending = { scope, stop };
    this.#endings.add(ending);
    return () => this.#endings.delete(ending);
  }

  stop(includes: (scope: object) => boolean): void {
    for (const ending of [...this.#endings]) if (includes(ending.scope)) ending.stop();
  }
}

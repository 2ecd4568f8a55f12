/**
 * Listens to the callers' signals with one listener for each signal, however many acquires share it: Node warns of a
 * leak from eleven on.
 */
export class Aborts {
  readonly #waiting = new Map<AbortSignal, Set<() => void>>();

  /** Calls `onAbort` when the signal aborts; returns how to stop listening. */
  listen(signal: AbortSignal, onAbort: () => void): () => void {
    let waiting = this.#waiting.get(signal);
    if (!waiting) {
      waiting = new Set();
      this.#waiting.set(signal, waiting);
      signal.addEventListener('abort', this.#onAbort);
    }
    waiting.add(onAbort);
    return () => this.#forget(signal, onAbort);
  }

  #forget(signal: AbortSignal, onAbort: () => void): void {
    const waiting = this.#waiting.get(signal);
    if (!waiting?.delete(onAbort) || waiting.size > 0) return;
    this.#waiting.delete(signal);
    signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = ({ target }: Event): void => {
    for (const onAbort of [...(this.#waiting.get(target as AbortSignal) ?? [])]) onAbort();
  };
}

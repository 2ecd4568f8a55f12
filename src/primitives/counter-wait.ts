import type { Alarm } from '../core/clock.ts';
import type { CounterStore, CounterWait, CounterWaiter } from '../core/counter-store.ts';
import type { Session } from '../core/session.ts';
import { describe, LockClosedError, LockTimeoutError } from '../errors.ts';

/** What a wait for 0 is about. */
export interface Awaited0 {
  readonly name: string;
  readonly store: CounterStore;
  readonly session: Session;
  /** Local instant at which the caller asked. */
  readonly askedAt: number;
  /** How long it waits, in ms; Infinity for as long as it takes. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** One caller that waits for a counter to reach 0, with all the ways to end that. */
export class PendingWait implements CounterWaiter {
  readonly #about: Awaited0;
  readonly #resolve: () => void;
  readonly #reject: (reason: unknown) => void;
  readonly #forget: () => void;
  readonly #unlisten: (() => void) | undefined;
  readonly #alarm: Alarm;
  #wait: CounterWait | undefined;
  #over = false;

  constructor(about: Awaited0, scope: object, resolve: () => void, reject: (reason: unknown) => void) {
    this.#about = about;
    this.#resolve = resolve;
    this.#reject = reject;
    const { session, signal, name, askedAt, timeoutMs } = about;
    this.#forget = session.onClose(scope, () =>
      this.failed(new LockClosedError('closed while waiting', name)),
    );
    this.#unlisten = signal && session.onAbort(signal, () => this.failed(signal.reason));
    this.#alarm = session.backend.clock.callAt(askedAt + timeoutMs, () => this.#timeOut());
  }

  start(): void {
    this.#wait = this.#about.store.wait(this.#about.name, this);
    // It may have been over before we knew how to stop it.
    if (this.#over) this.#wait.stop();
  }

  reached(): void {
    if (this.#end()) this.#resolve();
  }

  failed(reason: unknown): void {
    if (this.#end()) this.#reject(reason);
  }

  #timeOut(): void {
    const { name, askedAt, session } = this.#about;
    this.failed(this.#wait?.obstacle() ?? timeoutError(name, session.backend.clock.now() - askedAt));
  }

  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#forget();
    this.#unlisten?.();
    this.#alarm.cancel();
    this.#wait?.stop();
    return true;
  }
}

export function timeoutError(name: string, waitedMs: number): LockTimeoutError {
  return new LockTimeoutError(name, waitedMs, `counter ${describe(name)} did not reach 0`);
}

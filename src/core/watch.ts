import pDefer, { type DeferredPromise } from 'p-defer';
import { LockBackendError } from '../errors.ts';
import type { LockBackend, LockState, Observation } from './backend.ts';
import type { Alarm } from './clock.ts';

/** A consumer that falls behind by more than this loses the oldest states, not our memory. */
const LONGEST_BACKLOG = 1_024;
/** After a lease's end, how long to wait before asking whether it was refreshed, in ms. */
const EXPIRY_GRACE_MS = 2;
/** How long to wait before asking again a server that could not be asked, in ms. */
const RETRY_MS = 500;

/**
 * The states of one lock: as it is now, then after every grant, release and expiry. Grants and releases are told
 * by the backend; an expiry tells nobody, so the time left on the lease is what we wait for.
 */
export class Watch implements AsyncIterableIterator<LockState, void, undefined> {
  readonly #backend: LockBackend;
  readonly #name: string;
  readonly #states: AsyncGenerator<LockState, void, undefined>;
  readonly #backlog: LockState[] = [];
  readonly #register: (watch: Watch) => () => void;
  #unregister: (() => void) | undefined;
  #observation: Observation | undefined;
  #stopping: Promise<void> | undefined;
  #lastHolders: string | undefined;
  #news: DeferredPromise<void> = pDefer();
  #expiry: Alarm | undefined;
  #end: { readonly error?: unknown } | undefined;

  /** Starts at the first `next()`: only then is `register` called, and what it returns when all is cleaned up. */
  constructor(backend: LockBackend, name: string, register: (watch: Watch) => () => void) {
    this.#backend = backend;
    this.#name = name;
    this.#register = register;
    this.#states = this.#iterate();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<LockState, void>> {
    return this.#states.next();
  }

  return(): Promise<IteratorResult<LockState, void>> {
    // A generator that awaits something cannot be returned from: wake it up first.
    this.stop({});
    return this.#states.return();
  }

  /** Ends the iteration, with an error if there is one. */
  stop(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#news.resolve();
    // Not left to the iteration: nobody may ever ask for another state.
    this.#tidyUp().catch(() => {});
  }

  async *#iterate(): AsyncGenerator<LockState, void, undefined> {
    this.#unregister = this.#register(this);
    try {
      await this.#begin();
      // Not awaited: a server that does not answer must not keep anybody who wants to leave.
      if (!this.#end) this.#observation?.check().catch((error: unknown) => this.stop({ error }));
      while (!this.#end) {
        const state = this.#backlog.shift();
        if (state) yield state;
        else await this.#nextNews();
      }
      if (this.#end && 'error' in this.#end) throw this.#end.error;
    } finally {
      this.#end ??= {};
      await this.#tidyUp();
    }
  }

  /** Ends whatever has begun; harmless when that was done before. */
  async #tidyUp(): Promise<void> {
    this.#expiry?.cancel();
    this.#unregister?.();
    this.#stopping ??= this.#observation?.stop();
    await this.#stopping;
  }

  /** There is no observation when stopped meanwhile: a server that does not answer must not keep anybody. */
  async #begin(): Promise<void> {
    if (this.#end) return;
    const starting = this.#backend.watch(
      this.#name,
      (state) => this.#note(state),
      (error) => this.stop({ error }),
    );
    let observation: Observation | undefined;
    while (!this.#end && !observation) {
      observation = (await Promise.race([starting, this.#news.promise])) ?? undefined;
      // Only a state, which was told before the watch has begun: whoever wants to leave can still do so.
      if (!this.#end && !observation) this.#news = pDefer();
    }
    if (observation && !this.#end) this.#observation = observation;
    else starting.then((late) => late.stop()).catch(() => {});
  }

  async #nextNews(): Promise<void> {
    await this.#news.promise;
    this.#news = pDefer();
  }

  #note(state: LockState): void {
    if (this.#end) return;
    if (this.#observation) this.#awaitExpiry(state, this.#observation);
    // Only grants, releases and expiries count; they all show in who holds.
    const holders = state.holders.map((holder) => holder.fencingToken).join();
    if (holders === this.#lastHolders) return;
    this.#lastHolders = holders;
    this.#backlog.push(state);
    if (this.#backlog.length > LONGEST_BACKLOG) this.#backlog.shift();
    this.#news.resolve();
  }

  #awaitExpiry(state: LockState, observation: Observation): void {
    this.#expiry?.cancel();
    if (state.holders.length === 0) return;
    const soonest = state.holders.reduce(
      (least, { remainingTtl }) => Math.min(least, remainingTtl),
      Infinity,
    );
    this.#checkIn(soonest + EXPIRY_GRACE_MS, observation);
  }

  #checkIn(ms: number, observation: Observation): void {
    const { clock } = this.#backend;
    this.#expiry = clock.callAt(clock.now() + ms, () => {
      observation.check().catch((error: unknown) => {
        if (this.#end) return;
        if (error instanceof LockBackendError && error.retryable) this.#checkIn(RETRY_MS, observation);
        else this.stop({ error });
      });
    });
  }
}

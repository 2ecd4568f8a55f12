import { LockClosedError, LockTimeoutError } from '../errors.ts';
import { Aborts } from './aborts.ts';
import type { Grant, LockBackend } from './backend.ts';
import { backoffMs } from './backoff.ts';
import { pause } from './clock.ts';
import { type AcquireMessage, acquires, resumptions } from './diagnostics.ts';
import { Endings } from './endings.ts';
import { type LockJson, takeOver } from './handover.ts';
import { Holdings } from './holdings.ts';
import { ignoreBackendError, ignoreEndedLease } from './ignore.ts';
import { LinkedSet } from './linked-set.ts';
import { Lock } from './lock.ts';
import {
  type Asked,
  type HeldEntry,
  PendingRequest,
  type Requester,
  ResumedLease,
  type Retry,
  ShareRequest,
} from './request.ts';
import { follow, traceAcquire, traceResume } from './tracing.ts';
import { Watch } from './watch.ts';

/** How long close() waits for the releases it has sent, in ms: the TTL covers what the server does not answer. */
const CLOSE_PATIENCE_MS = 5_000;

/**
 * What one client has open on a backend: pending acquires, held leases, running watches. A `scope` is whoever
 * asked (a creator), so that closing one creator leaves the others of the client alone.
 */
export class Session implements Requester {
  readonly backend: LockBackend;
  readonly #done: () => Promise<void>;
  readonly #pending = new LinkedSet<PendingRequest>();
  readonly #holdings = new Holdings();
  readonly #endings = new Endings();
  readonly #aborts = new Aborts();
  readonly #closedScopes = new WeakSet<object>();
  #closing: Promise<void> | undefined;

  /** `done` gives the backend back to whoever opened it. */
  constructor(backend: LockBackend, done: () => Promise<void>) {
    this.backend = backend;
    this.#done = done;
  }

  /** Unlike `instanceof`, also of a proxy, and of what only has this prototype. */
  static is(value: unknown): value is Session {
    return typeof value === 'object' && value !== null && #pending in value;
  }

  /** The leases held now, oldest first. */
  get held(): Lock[] {
    return this.#holdings.locks().filter((lock) => lock.remaining > 0);
  }

  acquire(asked: Asked, signal?: AbortSignal): Promise<Lock> {
    // The method itself: a closure would cost those to whom nobody listens.
    if (acquires.hasSubscribers) return traceAcquire(this, asked, signal, this.#acquire);
    return this.#acquire(asked, signal);
  }

  /** `asked` has no time to wait. */
  tryAcquire(asked: Asked, retry: Retry, signal?: AbortSignal): Promise<Lock | null> {
    if (acquires.hasSubscribers) return traceAcquire(this, asked, signal, this.#try, retry);
    return this.#try(asked, signal, undefined, retry);
  }

  /** The states of a lock, until its iteration is left, `signal` aborts or the scope is closed. */
  watch(name: string, scope: object, signal?: AbortSignal): Watch {
    return new Watch(this.backend, name, (watch) => {
      signal?.throwIfAborted();
      this.assertOpen(scope);
      const forget = this.onClose(scope, () => watch.stop({}));
      const unlisten = signal && this.#aborts.listen(signal, () => watch.stop({ error: signal.reason }));
      return () => {
        forget();
        unlisten?.();
      };
    });
  }

  settled(request: PendingRequest): void {
    this.#pending.delete(request);
  }

  hold(grant: Grant, request: PendingRequest): Lock {
    if (this.#isClosed(request.scope)) {
      // Granted in the very moment of the close: nobody will take it from us.
      this.backend.release(grant).catch(ignoreBackendError);
      throw new LockClosedError('closed while waiting', grant.name);
    }
    const lock = new Lock(this.backend, grant, request);
    request.lock = lock;
    this.#holdings.add(request);
    return lock;
  }

  /** Goes on with a lease that another process has handed over. */
  async resume(json: LockJson, scope: object): Promise<Lock> {
    this.assertOpen(scope);
    if (!resumptions.hasSubscribers) return this.#resume(json, scope);
    return traceResume(json, this.backend, () => this.#resume(json, scope));
  }

  async #resume(json: LockJson, scope: object): Promise<Lock> {
    const grant = await takeOver(this.backend, json);
    // If closed meanwhile, it is still there for whoever resumes it elsewhere.
    this.assertOpen(scope);
    const lease = new ResumedLease(this.backend, grant, scope, this);
    this.#holdings.add(lease);
    // An answer may come too late. Then this rejects.
    if (lease.lock.remaining === 0) await lease.lock.release();
    return lease.lock;
  }

  lockEnded(entry: HeldEntry): void {
    this.#holdings.delete(entry);
  }

  /** Ends the waits of one scope with an error. */
  cancel(scope: object, reason: unknown): void {
    for (const request of this.#pending.toArray()) if (request.scope === scope) request.cancel(reason);
  }

  /** Registers something that close() has to end; returns how to take it back. */
  onClose(scope: object, stop: () => void): () => void {
    return this.#endings.add(scope, stop);
  }

  /** Calls `listener` when a caller's signal aborts; returns how to stop. */
  onAbort(signal: AbortSignal, listener: () => void): () => void {
    return this.#aborts.listen(signal, listener);
  }

  assertOpen(scope: object): void {
    if (this.#isClosed(scope)) throw closedError();
  }

  /** Resolves after `ms`, or when the scope is closed or `signal` aborts. */
  async pause(ms: number, scope: object, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || this.#isClosed(scope)) return;
    const waiting = pause(this.backend.clock, ms);
    const forget = this.onClose(scope, waiting.stop);
    const unlisten = signal && this.#aborts.listen(signal, waiting.stop);
    try {
      await waiting.done;
    } finally {
      forget();
      unlisten?.();
    }
  }

  /** Ends everything one scope has open: pending acquires reject, held leases are released. */
  async closeScope(scope: object, release: boolean): Promise<void> {
    this.#closedScopes.add(scope);
    await this.#end((candidate) => candidate === scope, release);
  }

  /** Ends everything, then gives the backend back. */
  close(release: boolean): Promise<void> {
    this.#closing ??= Promise.resolve()
      .then(() => this.#end(() => true, release))
      .then(this.#done);
    return this.#closing;
  }

  #isClosed(scope: object): boolean {
    return this.#closing !== undefined || this.#closedScopes.has(scope);
  }

  async #end(includes: (scope: object) => boolean, release: boolean): Promise<void> {
    this.#endings.stop(includes);
    for (const request of this.#pending.toArray()) {
      if (includes(request.scope)) request.cancel(new LockClosedError('closed while waiting', request.name));
    }
    const locks = this.#holdings.locks(includes);
    if (!release) {
      for (const lock of locks) lock.abandon();
      return;
    }
    const patience = pause(this.backend.clock, CLOSE_PATIENCE_MS);
    // Those under way are among them: a lease is ours until its release is settled.
    const released = Promise.all(locks.map((lock) => lock.release().catch(ignoreEndedLease)));
    await Promise.race([released, patience.done]);
    patience.stop();
  }

  #acquire(asked: Asked, signal?: AbortSignal, message?: AcquireMessage): Promise<Lock> {
    // Only a try can be refused.
    if (asked.waitMs > 0) return this.#ask(asked, signal, message) as Promise<Lock>;
    const askedAt = this.backend.clock.now();
    return this.#ask(asked, signal, message).then((lock) => {
      if (lock) return lock;
      throw new LockTimeoutError(asked.name, this.backend.clock.now() - askedAt);
    });
  }

  async #try(
    asked: Asked,
    signal: AbortSignal | undefined,
    message: AcquireMessage | undefined,
    retry: Retry,
  ): Promise<Lock | null> {
    for (let attempt = 0; ; attempt++) {
      const lock = await this.#ask(asked, signal, message);
      if (lock) return lock;
      if (attempt >= retry.retries) return null;
      await this.pause(backoffMs(attempt, retry.backoff), asked.scope, signal);
    }
  }

  /** Hands a request to the backend; until it is answered, the caller can give up. */
  #ask(asked: Asked, signal?: AbortSignal, message?: AcquireMessage): Promise<Lock | null> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#isClosed(asked.scope)) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const askedAt = this.backend.clock.now();
      const request = asked.share
        ? new ShareRequest(asked.share, asked, askedAt, this, resolve, reject)
        : new PendingRequest(asked, askedAt, this, resolve, reject);
      this.#pending.add(request);
      if (signal) request.unlisten = this.#aborts.listen(signal, () => request.cancel(signal.reason));
      const told = message ? follow(request, message) : request;
      try {
        if (asked.waitMs > 0) this.backend.acquire(told);
        else this.backend.tryAcquire(told);
      } catch (error) {
        request.failed(error);
      }
    });
  }
}

function closedError(): LockClosedError {
  return new LockClosedError('the client or creator is closed');
}

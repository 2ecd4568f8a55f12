import type { TracingChannel } from 'node:diagnostics_channel';
import { LockClosedError, LockLostError, LockTimeoutError, type LossReason } from '../errors.ts';
import type { Grant, LeaseRequest, LockBackend } from './backend.ts';
import {
  type AcquireMessage,
  acquires,
  type LeaseMessage,
  type LostMessage,
  losses,
  type PokeMessage,
  type PokeReason,
  pokes,
  type RefreshMessage,
  type ReleaseMessage,
  type ResumeMessage,
  refreshes,
  releases,
  resumptions,
  type WakeSource,
} from './diagnostics.ts';
import { ForwardedRequest } from './forwarded-request.ts';
import type { Lock } from './lock.ts';
import type { Asked } from './request.ts';

// What is called `trace` runs only while somebody listens: whoever calls it asks `hasSubscribers` first.

type Engine = Pick<LockBackend, 'kind' | 'clock'>;
type Lease = Pick<Lock, 'name' | 'owner' | 'fencingToken' | 'units'>;

/** When leases were granted, as far as somebody listened. */
const grantedAt = new WeakMap<Lease, number>();

/**
 * Tells of an acquire from its call until it is over. `acquire` is called on the session, and asks by `follow` with the
 * message that it is given.
 */
export function traceAcquire<
  S extends { readonly backend: Engine },
  T extends Lock | null,
  R extends unknown[],
>(
  session: S,
  asked: Asked,
  signal: AbortSignal | undefined,
  acquire: (
    this: S,
    asked: Asked,
    signal: AbortSignal | undefined,
    message: AcquireMessage,
    ...rest: R
  ) => Promise<T>,
  ...rest: R
): Promise<T> {
  const { name, ttlMs, waitMs, share } = asked;
  const { kind, clock } = session.backend;
  const { units, capacity } = share ?? { units: 1, capacity: 1 };
  const message: AcquireMessage = {
    ...{ name, engine: kind, units, capacity, ttl: ttlMs, waitTimeout: waitMs },
    ...{ waited: undefined, outcome: undefined, wake: undefined },
  };
  const askedAt = clock.now();
  return acquires.tracePromise(async () => {
    try {
      const lock = await acquire.call(session, asked, signal, message, ...rest);
      message.outcome = lock ? 'granted' : 'refused';
      if (lock) grantedAt.set(lock, clock.now());
      return lock;
    } catch (error) {
      message.outcome = signal?.aborted && error === signal.reason ? 'aborted' : outcomeOf(error);
      message.wake = undefined;
      throw error;
    } finally {
      message.waited = clock.now() - askedAt;
    }
  }, message) as Promise<T>;
}

/** Passes a request on, and notes by what its grant came. */
export function follow(request: LeaseRequest, message: AcquireMessage): LeaseRequest {
  return new FollowedRequest(request, message);
}

class FollowedRequest extends ForwardedRequest {
  readonly #message: AcquireMessage;

  constructor(inner: LeaseRequest, message: AcquireMessage) {
    super(inner);
    this.#message = message;
  }

  cancel(reason: unknown): void {
    this.canceller?.cancel(reason);
  }

  granted(grant: Grant, wake?: WakeSource): void {
    this.#message.wake = wake;
    this.inner.granted(grant, wake);
  }
}

/** `release` is called on the lock. */
export function traceRelease(
  lock: Lock,
  engine: Engine,
  release: (this: Lock) => Promise<void>,
): Promise<void> {
  const message = { ...leaseMessage(lock, engine), held: heldFor(lock, engine), outcome: undefined };
  return traceCall<void, ReleaseMessage>(releases, message, () => release.call(lock));
}

/** As `traceRelease`. */
export function traceRefresh(
  lock: Lock,
  engine: Engine,
  ttl: number,
  refresh: (this: Lock, ttl: number) => Promise<void>,
): Promise<void> {
  const message = { ...leaseMessage(lock, engine), ttl, outcome: undefined };
  return traceCall<void, RefreshMessage>(refreshes, message, () => refresh.call(lock, ttl));
}

export function traceResume(
  lease: Lease & { readonly ttl: number },
  engine: Engine,
  work: () => Promise<Lock>,
): Promise<Lock> {
  const message = { ...leaseMessage(lease, engine), ttl: lease.ttl, outcome: undefined };
  return traceCall<Lock, ResumeMessage>(resumptions, message, async () => {
    const lock = await work();
    grantedAt.set(lock, engine.clock.now());
    return lock;
  });
}

/** Whether anybody listens is looked at here, since it is rare. */
export function noteLoss(lock: Lock, engine: Engine, reason: LossReason): void {
  if (!losses.hasSubscribers) return;
  const message: LostMessage = { ...leaseMessage(lock, engine), reason, held: heldFor(lock, engine) };
  losses.publish(message);
}

/** Somebody who waits asks again. As rare. */
export function notePoke(name: string, owner: string, reason: PokeReason): void {
  if (!pokes.hasSubscribers) return;
  const message: PokeMessage = { name, owner, reason };
  pokes.publish(message);
}

function traceCall<T, M extends ReleaseMessage | RefreshMessage | ResumeMessage>(
  channel: TracingChannel<unknown, M>,
  message: M,
  work: () => Promise<T>,
): Promise<T> {
  return channel.tracePromise(async () => {
    try {
      const result = await work();
      message.outcome = 'done';
      return result;
    } catch (error) {
      const outcome = outcomeOf(error);
      message.outcome = outcome === 'timeout' ? 'failed' : outcome;
      throw error;
    }
  }, message) as Promise<T>;
}

function outcomeOf(error: unknown): 'timeout' | 'closed' | 'lost' | 'failed' {
  if (error instanceof LockTimeoutError) return 'timeout';
  if (error instanceof LockClosedError) return 'closed';
  return error instanceof LockLostError ? 'lost' : 'failed';
}

function leaseMessage({ name, owner, fencingToken, units }: Lease, { kind }: Engine): LeaseMessage {
  return { name, engine: kind, owner, fencingToken, units };
}

function heldFor(lock: Lock, { clock }: Engine): number | undefined {
  const since = grantedAt.get(lock);
  return since === undefined ? undefined : clock.now() - since;
}

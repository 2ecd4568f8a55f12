import { LockClosedError, LockLostError, LockUnsupportedError, type LossReason } from '../errors.ts';
import { checkDuration, checkOptions, checkTtl, checkUnits } from './arguments.ts';
import { AutoRefresh, type AutoRefreshOptions } from './auto-refresh.ts';
import type { Grant, LockBackend } from './backend.ts';
import { refreshes, releases } from './diagnostics.ts';
import type { LockJson } from './handover.ts';
import { LossSignal } from './loss-signal.ts';
import { RefreshQueue } from './refresh-queue.ts';
import { noteLoss, traceRefresh, traceRelease } from './tracing.ts';

interface Keeper {
  /** The lease has been released or lost, and there is nothing left to wait for. */
  lockEnded(): void;
}

/** A lease that is held: proof of ownership, and the only way to extend or end it. */
export class Lock {
  readonly #backend: LockBackend;
  readonly #grant: Grant;
  readonly #keeper: Keeper;
  #lost: LockLostError | undefined;
  #releasing: Promise<void> | undefined;
  /** Whether the server, asked to, has released it. */
  #released: Promise<boolean> | undefined;
  #refresher: AutoRefresh | undefined;
  #loss: LossSignal | undefined;
  #handed: LockJson | undefined;
  #refreshQueue: RefreshQueue | undefined;

  /** @internal */
  constructor(backend: LockBackend, grant: Grant, keeper: Keeper) {
    this.#backend = backend;
    this.#grant = grant;
    this.#keeper = keeper;
  }

  /** Name of the lock. */
  get name(): string {
    return this.#grant.name;
  }

  /** Owner id, unique to this acquisition. */
  get owner(): string {
    return this.#grant.owner;
  }

  /** Rises with every grant of this name. Store it with what you write, and refuse writes with a lower one. */
  get fencingToken(): number {
    return this.#grant.fencingToken;
  }

  /** How many units of the capacity it holds; 1 for a mutex. */
  get units(): number {
    return this.#grant.units;
  }

  /** Length of the lease in ms, as last asked for. */
  get ttl(): number {
    return this.#grant.ttlMs;
  }

  /** Time in whole ms for which the lease is certainly still ours; 0 once released, lost or handed over. Conservative. */
  get remaining(): number {
    if (this.#ended()) return 0;
    return Math.max(0, Math.floor(this.#grant.deadline - this.#backend.clock.now()));
  }

  /**
   * Aborts with `LockLostError` when the lease is lost, at the latest at its deadline, also when the server
   * never answers. Made when first read; until then a lock costs no timer and no subscription.
   */
  get signal(): AbortSignal {
    this.#loss ??= this.#makeLossSignal();
    return this.#loss.signal;
  }

  /** Asks the server whether this lease is still there. Rejects with `LockBackendError` when it can't be asked. */
  async isHeld(): Promise<boolean> {
    if (this.#ended()) return false;
    const { holders } = await this.#backend.inspect(this.name);
    if (this.#ended()) return false;
    if (holders.some((holder) => holder.owner === this.owner)) return true;
    this.#lose('taken');
    return false;
  }

  /** Throws `LockLostError` past the deadline or after a loss, `LockClosedError` once released or handed over. Local. */
  assertHeld(): void {
    if (!this.#ended()) return;
    const how = this.#handed ? 'handed to another process' : 'already released';
    throw this.#lost ?? new LockClosedError(`the lease was ${how}`, this.name);
  }

  /**
   * Starts the TTL anew, with `ttl` ms (an integer of 10 … 2 147 483 647) if given. Rejects with `LockLostError`
   * when the lease is gone, `LockBackendError` when the outcome is unknown, `LockClosedError` after a release. One that is
   * asked for while another is out is sent after it.
   */
  refresh(ttl: number = this.ttl): Promise<void> {
    if (refreshes.hasSubscribers) return traceRefresh(this, this.#backend, ttl, this.#refresh);
    return this.#refresh(ttl);
  }

  async #refresh(ttl: number): Promise<void> {
    checkTtl(ttl);
    this.assertHeld();
    this.#refreshQueue ??= new RefreshQueue(this.#backend, this.#grant, {
      counts: (ours) => this.#counts(ours),
      shortened: () => {
        this.#refresher?.restart();
        this.#loss?.restart();
      },
    });
    return this.#refreshQueue.refresh(ttl);
  }

  /**
   * Refreshes at a third of the TTL, with a little jitter, until release, loss or `maxHold`. A refresh that fails
   * is repeated until the deadline. Throws like `assertHeld`, and `LockArgumentError`.
   */
  autoRefresh(options?: AutoRefreshOptions): this {
    const { maxHold } = checkOptions(options, ['maxHold']);
    if (maxHold !== undefined) checkDuration(maxHold, 'maxHold');
    this.assertHeld();
    this.#refresher?.stop();
    this.#refresher = new AutoRefresh(this, this.#backend.clock, () => this.#ended(), maxHold);
    return this;
  }

  /** @internal */
  stopAutoRefresh(): void {
    this.#refresher?.stop();
  }

  /**
   * Keeps `units` (1 … `this.units`) of a lease of several units and hands the others on, in the same step on the server:
   * a writer becomes a reader without letting another writer in between. Rejects like `refresh`.
   */
  async downgrade(units = 1): Promise<void> {
    checkUnits(units, 'units', this.units);
    this.assertHeld();
    if (units === this.units) return;
    const [backend, grant] = [this.#backend, this.#grant];
    if (!backend.downgrade) throw new LockUnsupportedError('a downgrade', backend.kind, this.name);
    // Another one may have left less meanwhile.
    if (this.#counts(await backend.downgrade(grant, units))) grant.units = Math.min(grant.units, units);
  }

  /**
   * Ends the lease; the next waiter has the lock in the same step on the server. Idempotent. Rejects with
   * `LockLostError` when the lease had been lost before (what you did was not protected), and with
   * `LockBackendError` when the server could not be told until the TTL had passed.
   */
  release(): Promise<void> {
    // The method itself: a closure would cost those to whom nobody listens.
    this.#releasing ??= releases.hasSubscribers
      ? traceRelease(this, this.#backend, this.#release)
      : this.#release();
    return this.#releasing;
  }

  /** As `release`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /**
   * GIVES THIS HANDLE UP, so that another process can go on with the lease by `locks.resume(json)`, within the time that
   * remains of it. `JSON.stringify(lock)` calls this, also on an object that only contains the lock. From then on this handle
   * neither refreshes nor releases: `remaining` is 0, `signal` does not abort, `release()` resolves and sends nothing.
   * Calling it again gives the same. Throws like `assertHeld` when there is nothing to hand over.
   */
  toJSON(): LockJson {
    if (this.#handed) return this.#handed;
    this.assertHeld();
    const { name, owner, fencingToken, units, ttl } = this;
    this.#handed = Object.freeze({ version: 1, name, owner, fencingToken, units, ttl });
    this.abandon();
    this.#backend.forget?.(this.#grant);
    return this.#handed;
  }

  /**
   * Stops refreshing and forgets the lease without telling the server, which ends it with its TTL.
   * @internal
   */
  abandon(): void {
    this.#releasing ??= Promise.resolve();
    this.#stop();
    this.#keeper.lockEnded();
  }

  #release(): Promise<void> {
    // First of all on its way, also of a lease that was lost: others may be waiting behind a stale record.
    this.#released ??= this.#backend.release(this.#grant);
    const released = this.#released;
    // Notices the end of the lease: whom that tells may call this in turn.
    this.#ended();
    if (this.#lost) {
      // Tidying up is not worth the caller's time, and what it comes to no news.
      released.catch(() => {});
      return Promise.reject(this.#lost);
    }
    this.#stop();
    return released.then(
      (ours) => {
        this.#keeper.lockEnded();
        if (ours) return;
        // It may have run out on the way, or been taken before: in doubt the work was not protected.
        throw this.#lose(this.#backend.clock.now() < this.#grant.deadline ? 'taken' : 'expired');
      },
      (error: unknown) => {
        this.#keeper.lockEnded();
        throw error;
      },
    );
  }

  /** Whether the lease is over, noticing first that its deadline may have passed. */
  #ended(): boolean {
    if (this.#lost || this.#releasing) return true;
    if (this.#backend.clock.now() < this.#grant.deadline) return false;
    this.#lose('expired');
    return true;
  }

  /** Whether an answer still counts. Throws if it, or the time, says that the lease is lost. */
  #counts(ours: boolean): boolean {
    if (this.#releasing) return false;
    // Past the deadline we may have told somebody that the lease is lost: a late yes changes nothing.
    this.assertHeld();
    if (!ours) throw this.#lose('taken');
    return true;
  }

  #lose(reason: LossReason): LockLostError {
    if (this.#lost) return this.#lost;
    this.#lost = new LockLostError(this.name, reason);
    this.#stop();
    this.#keeper.lockEnded();
    noteLoss(this, this.#backend, reason);
    this.#loss?.abort(this.#lost);
    return this.#lost;
  }

  #stop(): void {
    this.#refresher?.stop();
    this.#loss?.stop();
  }

  #makeLossSignal(): LossSignal {
    const loss = new LossSignal(this.#grant, this.#backend.clock, () => this.#ended());
    const onForced = (reason: LossReason = 'forced') => {
      if (!this.#ended()) this.#lose(reason);
    };
    if (!this.#ended()) loss.start(() => this.#backend.onForced(this.#grant, onForced));
    else if (this.#lost) loss.abort(this.#lost);
    return loss;
  }
}

import {
  checkLockName,
  checkOptions,
  checkSignal,
  checkTtl,
  checkWaitTimeout,
  copyArray,
  type GroupOptions,
  type WaitOptions,
} from '../core/arguments.ts';
import { type Alarm, pause } from '../core/clock.ts';
import { driftMs } from '../core/deadline.ts';
import type { Lock } from '../core/lock.ts';
import type { Session } from '../core/session.ts';
import { describe, LockArgumentError, LockTimeoutError } from '../errors.ts';
import { MultiLock } from './multi-lock.ts';

/** Each is a request of its own, one after the other, and a lease to refresh. */
const MOST_NAMES = 1_000;
/** How long a caller who gets nothing waits for the releases of what had been granted, in ms; they go on after that. */
const PATIENCE_MS = 1_000;
/** The part of a TTL after which leases that wait for others are refreshed, or at the end were not fresh enough. */
const WORN = 1 / 4;

/** Options of `acquireAll`. */
export interface AcquireAllOptions extends WaitOptions, GroupOptions {}

interface Wanted {
  /** By the name of the lock: the name as it was asked for. */
  readonly names: ReadonlyMap<string, string>;
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What `LockClient.acquireAll` does. */
export async function acquireAll(
  session: Session,
  names: readonly string[],
  ttl: number,
  waitTimeout: number,
  options?: AcquireAllOptions,
): Promise<MultiLock> {
  const { group, signal } = checkOptions(options, ['group', 'signal']);
  return new Collection(session, {
    names: checkNames(names, group),
    ttlMs: checkTtl(ttl),
    waitMs: checkWaitTimeout(waitTimeout),
    signal: checkSignal(signal),
  }).collect();
}

function checkNames(names: unknown, group: unknown): Map<string, string> {
  const given = copyArray(names, MOST_NAMES);
  if (!given || given.length < 1) {
    throw new LockArgumentError('names', names, `an array of 1 to ${MOST_NAMES} names`);
  }
  const checked = new Map<string, string>();
  for (const [index, asked] of given.entries()) {
    const name = checkLockName(asked, group, `names[${index}]`);
    if (checked.has(name)) throw new LockArgumentError(`names[${index}]`, asked, 'different from the others');
    checked.set(name, asked as string);
  }
  return checked;
}

/**
 * Takes locks one by one in the order of their names. Since everybody does so, whoever holds the
 * last one in that order waits for none of the others, and nobody waits in a circle (Havender, "Avoiding deadlock in multitasking
 * systems", 1968).
 */
class Collection {
  readonly #session: Session;
  readonly #wanted: Wanted;
  readonly #startedAt: number;
  /** What has been granted, by the name of the lock. */
  readonly #locks = new Map<string, Lock>();
  #alarm: Alarm | undefined;
  #guarding = false;
  #loss: { readonly reason: unknown } | undefined;

  constructor(session: Session, wanted: Wanted) {
    this.#session = session;
    this.#wanted = wanted;
    this.#startedAt = session.backend.clock.now();
  }

  async collect(): Promise<MultiLock> {
    try {
      await this.#takeAll();
    } catch (error) {
      await this.#giveBack();
      throw error;
    }
    const { names } = this.#wanted;
    return new MultiLock(new Map([...names].map(([name, asked]) => [asked, this.#locks.get(name) as Lock])));
  }

  async #takeAll(): Promise<void> {
    try {
      // By code units, which no locale can make different elsewhere.
      for (const name of [...this.#wanted.names.keys()].sort()) await this.#take(name);
      await this.#freshen();
    } finally {
      this.#stopGuarding();
    }
  }

  async #take(name: string): Promise<void> {
    this.#assertNoLoss();
    const { ttlMs, waitMs, signal } = this.#wanted;
    const left = Math.max(0, waitMs - this.#waited);
    const asked = { name, ttlMs, waitMs: left, scope: this };
    const lock = await this.#session.acquire(asked, signal).catch((error: unknown) => {
      throw error instanceof LockTimeoutError ? new LockTimeoutError(name, this.#waited) : error;
    });
    this.#locks.set(name, lock);
    if (this.#guarding) this.#guard(lock);
    else this.#guardSoon();
  }

  get #waited(): number {
    return this.#session.backend.clock.now() - this.#startedAt;
  }

  /** Whoever gets all at once needs no refresh meanwhile. */
  #guardSoon(): void {
    const { clock } = this.#session.backend;
    this.#alarm ??= clock.callAt(clock.now() + this.#wanted.ttlMs * WORN, () => {
      this.#guarding = true;
      for (const lock of this.#locks.values()) this.#guard(lock);
    });
  }

  /** Keeps a lease alive while we wait for others, and ends the wait when it is lost. */
  #guard(lock: Lock): void {
    try {
      lock.signal.addEventListener('abort', this.#onLoss);
      lock.autoRefresh();
    } catch (error) {
      this.#lose(error);
    }
  }

  readonly #onLoss = ({ target }: Event): void => this.#lose((target as AbortSignal).reason);

  #lose(reason: unknown): void {
    this.#loss ??= { reason };
    this.#session.cancel(this, reason);
  }

  #assertNoLoss(): void {
    if (this.#loss) throw this.#loss.reason;
  }

  /** All are granted: those that have aged get their TTL back, within what is left of the wait. */
  async #freshen(): Promise<void> {
    const { ttlMs } = this.#wanted;
    const { driftFactor } = this.#session.backend;
    const fresh = (ttlMs - driftMs(ttlMs, driftFactor)) * (1 - WORN);
    const worn = [...this.#locks.values()].filter(({ remaining }) => remaining < fresh);
    if (worn.length > 0 && !(await this.#inTime(Promise.all(worn.map((lock) => lock.refresh()))))) {
      const [{ name }] = worn as [Lock];
      throw new LockTimeoutError(name, this.#waited, `lock ${describe(name)} could not be refreshed`);
    }
    this.#assertNoLoss();
  }

  /** Whether that is done while the caller waits. A single try, which has no time to wait, takes as long as its answers. */
  async #inTime(work: Promise<unknown>): Promise<boolean> {
    const { waitMs, signal } = this.#wanted;
    const left = waitMs > 0 ? waitMs - this.#waited : Number.POSITIVE_INFINITY;
    const patience = pause(this.#session.backend.clock, left);
    const unlisten = signal && this.#session.onAbort(signal, patience.stop);
    try {
      const done = await Promise.race([work.then(() => true), patience.done.then(() => false)]);
      signal?.throwIfAborted();
      return done;
    } finally {
      patience.stop();
      unlisten?.();
    }
  }

  #stopGuarding(): void {
    this.#alarm?.cancel();
    if (!this.#guarding) return;
    for (const lock of this.#locks.values()) {
      lock.stopAutoRefresh();
      lock.signal.removeEventListener('abort', this.#onLoss);
    }
  }

  /** What the server is not told in time it is told in the background, and else the TTL ends it. */
  async #giveBack(): Promise<void> {
    if (this.#locks.size === 0) return;
    const released = Promise.allSettled([...this.#locks.values()].map((lock) => lock.release()));
    const patience = pause(this.#session.backend.clock, PATIENCE_MS);
    await Promise.race([released, patience.done]);
    patience.stop();
  }
}

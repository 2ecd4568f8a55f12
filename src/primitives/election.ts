import {
  checkFunction,
  checkLockName,
  checkOptions,
  checkSignal,
  checkTtl,
  type GroupOptions,
  type WaitOptions,
} from '../core/arguments.ts';
import { backoffMs } from '../core/backoff.ts';
import { ignoreBackendError } from '../core/ignore.ts';
import type { Lock } from '../core/lock.ts';
import type { Session } from '../core/session.ts';
import { LockBackendError, LockClosedError, LockLostError } from '../errors.ts';
import { type Leader, Leaders } from './leaders.ts';
import { Leadership } from './leadership.ts';

/** Upper bounds of the pauses after which `run` stands again where the server could not be asked, in ms. */
const RETRY_BASE_MS = 50;
const RETRY_LONGEST_MS = 1_000;

/** Options of `campaign` and `run`. */
export interface CampaignOptions extends WaitOptions {
  /** Length of the leader's lease in ms, an integer of 10 … 2 147 483 647: so long a leader that has died still leads. */
  ttl: number;
}

interface Campaign {
  readonly ttlMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Of several candidates one leads at a time, and the others wait in line. It is the lock of the same name: who holds
 * that leads.
 */
export class Election {
  /** Name of the election, with its group. */
  readonly name: string;
  readonly #session: Session;

  /** @internal */
  constructor(name: string, session: Session, options?: GroupOptions) {
    const { group } = checkOptions(options, ['group']);
    this.name = checkLockName(name, group);
    this.#session = session;
  }

  /**
   * Waits in line, and resolves once this candidate leads. The leadership is refreshed until it is resigned or lost.
   * Rejects with the signal's reason, `LockBackendError`, `LockClosedError`, `LockArgumentError`.
   */
  async campaign(options: CampaignOptions): Promise<Leadership> {
    return new Leadership(await this.#stand(checkCampaign(options)));
  }

  /**
   * Yields who leads now, or null, and then each change. Ends when the client is closed; throws the signal's reason,
   * `LockBackendError`, `LockClosedError`. A consumer that falls behind by more than 1 024 changes misses the oldest.
   */
  observe(options?: WaitOptions): AsyncIterableIterator<Leader | null> {
    const signal = checkSignal(checkOptions(options, ['signal']).signal);
    return new Leaders(this.#session.watch(this.name, this, signal));
  }

  /**
   * Leads whenever it can, and runs `task` while it does. When the task returns, resigns and resolves with its result;
   * when it throws, resigns and rejects with its error. When the leadership is lost before that, its signal aborts, and
   * when the task has ended, in whichever way, this candidate stands again, and runs the task anew when it leads again. So
   * a result is that of a task that led to its end, and no two runs of the task overlap here; a task that does not heed the
   * signal keeps this candidate from leading. A server that cannot be asked is asked again. While the task runs, the
   * caller's signal aborts that of the leadership; otherwise rejects with its reason. Rejects with `LockBackendError` if
   * there is no hope, `LockClosedError`, `LockArgumentError`.
   */
  async run<T>(task: (leadership: Leadership) => T | PromiseLike<T>, options: CampaignOptions): Promise<T> {
    checkFunction(task, 'task');
    const campaign = checkCampaign(options);
    for (;;) {
      const lock = await this.#standPatiently(campaign);
      const done = await this.#lead(lock, task, campaign.signal);
      if (done) return done.result;
    }
  }

  async #stand({ ttlMs, signal }: Campaign): Promise<Lock> {
    const asked = { name: this.name, ttlMs, waitMs: Number.POSITIVE_INFINITY, scope: this };
    return (await this.#session.acquire(asked, signal)).autoRefresh();
  }

  async #standPatiently(campaign: Campaign): Promise<Lock> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#stand(campaign);
      } catch (error) {
        const hopeful = error instanceof LockBackendError ? error.retryable : error instanceof LockLostError;
        if (!hopeful) throw error;
        const ms = backoffMs(attempt, RETRY_BASE_MS, RETRY_LONGEST_MS);
        await this.#session.pause(ms, this, campaign.signal);
      }
    }
  }

  /** Undefined when the leadership was lost before the task had ended: whatever it ended with may be due to that. */
  async #lead<T>(
    lock: Lock,
    task: (leadership: Leadership) => T | PromiseLike<T>,
    signal: AbortSignal | undefined,
  ): Promise<{ result: T } | undefined> {
    const ending = this.#endingOf(lock, signal);
    const [ended] = await Promise.allSettled([runTask(task, new Leadership(lock, ending.signal))]);
    // Of a loss that nobody has noticed the release tells.
    const resigned = await resign(lock);
    ending.stop();
    if (!resigned) return undefined;
    if (ended.status === 'rejected') throw ended.reason;
    return { result: ended.value };
  }

  /** What tells the task to end: a loss, the caller's signal, the close of the client. */
  #endingOf(lock: Lock, signal: AbortSignal | undefined): { signal: AbortSignal; stop(): void } {
    this.#session.assertOpen(this);
    const controller = new AbortController();
    const onLoss = (): void => controller.abort(lock.signal.reason);
    const onAbort = (): void => controller.abort(signal?.reason);
    lock.signal.addEventListener('abort', onLoss);
    const unlisten = signal && this.#session.onAbort(signal, onAbort);
    if (lock.signal.aborted) onLoss();
    if (signal?.aborted) onAbort();
    const forget = this.#session.onClose(this, () => {
      controller.abort(new LockClosedError('closed while leading', this.name));
    });
    const stop = () => {
      forget();
      unlisten?.();
      lock.signal.removeEventListener('abort', onLoss);
    };
    return { signal: controller.signal, stop };
  }
}

function checkCampaign(options: CampaignOptions): Campaign {
  const { ttl, signal } = checkOptions(options, ['ttl', 'signal']);
  return { ttlMs: checkTtl(ttl), signal: checkSignal(signal) };
}

async function runTask<T>(
  task: (leadership: Leadership) => T | PromiseLike<T>,
  leadership: Leadership,
): Promise<T> {
  return task(leadership);
}

/** False when the leadership had been lost. What the server cannot be told ends with the TTL. */
async function resign(lock: Lock): Promise<boolean> {
  try {
    await lock.release();
  } catch (error) {
    if (error instanceof LockLostError) return false;
    ignoreBackendError(error);
  }
  return true;
}

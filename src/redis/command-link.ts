import type { Redis } from 'ioredis';
import { backoffMs } from '../core/backoff.ts';
import { type Alarm, type Clock, pause } from '../core/clock.ts';
import { LockBackendError } from '../errors.ts';
import { connectionEnded, isPermanent, noAnswer, toBackendError } from './errors.ts';
import type { Script } from './script.ts';

/** How often unanswered calls are looked at: fine enough to keep a wait timeout to within 50 ms. */
const TICK_MS = 20;
const RETRY_BASE_MS = 25;
const RETRY_LONGEST_MS = 1_000;

/** What a script replied, and the local instant before it was sent: the server cannot have run it earlier. */
export interface Answer {
  /** With the option `stringNumbers` of ioredis, numbers come as strings. */
  readonly reply: unknown;
  readonly sentAt: number;
  /** The script may have run more than once: it was tried again, or ioredis has resent it. */
  readonly repeated: boolean;
}

/** One run of a script. */
export interface ScriptCall {
  readonly script: Script;
  /** Two keys, then the other arguments. */
  readonly args: readonly (string | number)[];
  readonly lockName: string;
}

interface OpenCall {
  readonly until: number;
  readonly lockName: string;
  reject(error: LockBackendError): void;
}

const KEY_COUNT = 2;

/**
 * The user's connection, used for scripts only. ioredis may never settle a command, or settle it much later than
 * anybody cares; here each has a time by which it is answered, without a timer of its own.
 */
export class CommandLink {
  readonly redis: Redis;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #open = new Set<OpenCall>();
  readonly #sleepers = new Set<() => void>();
  #drained: (() => void) | undefined;
  #refusal: Error | undefined;
  #closed = false;
  #cuts = 0;
  #tick: Alarm | undefined;

  /** `patienceMs` is the longest time to wait for the answer to one command. */
  constructor(redis: Redis, clock: Clock, patienceMs: number) {
    this.redis = redis;
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    redis.on('close', this.#countCut);
    redis.on('ready', this.#wake);
    redis.on('end', this.#wake);
  }

  /** Runs a script once. Rejects with a `LockBackendError`, at the latest soon after the local instant `until`. */
  run(call: ScriptCall, until = Number.POSITIVE_INFINITY): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sentAt = this.#clock.now();
      const cuts = this.#cuts;
      const { lockName } = call;
      const open: OpenCall = { until: Math.min(until, sentAt + this.#patienceMs), lockName, reject };
      this.#open.add(open);
      this.#tick ??= this.#clock.callAt(sentAt + TICK_MS, this.#checkOpen);
      call.script.run(this.redis, KEY_COUNT, call.args).then(
        (reply) => {
          this.#forget(open);
          resolve({ reply, sentAt, repeated: cuts !== this.#cuts });
        },
        (error: unknown) => {
          this.#forget(open);
          reject(this.#ended ? this.#whyEnded(lockName) : toBackendError(error, lockName));
        },
      );
    });
  }

  /**
   * Runs a script until it is answered: what may pass by itself is tried again until `giveUpAt`, with backoff, and
   * while the link is down not before it is back. Undefined when `moot` turns true meanwhile. Each try is given
   * until `answerBy`.
   */
  async persist(
    call: ScriptCall,
    giveUpAt: number,
    moot: () => boolean = () => false,
    answerBy = giveUpAt,
  ): Promise<Answer | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.run(call, answerBy);
        return attempt === 0 ? answer : { ...answer, repeated: true };
      } catch (error) {
        const retryable = error instanceof LockBackendError && error.retryable;
        if (!retryable || this.#closed) throw error;
        await this.#calmDown(attempt, giveUpAt);
        if (moot()) return undefined;
        if (this.#clock.now() >= giveUpAt) throw error;
      }
    }
  }

  /** What is wrong with a link that is down. */
  outage(lockName: string): LockBackendError | undefined {
    if (this.redis.status === 'ready') return undefined;
    return this.#diagnose(connectionError(this.redis), false, lockName);
  }

  /** Resolves as soon as no call is open. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
      if (this.#open.size === 0) resolve();
    });
  }

  /** The server has refused what every connection begins with: nothing must be sent on this one any more. */
  refuse(error: Error): void {
    this.#refusal = error;
    this.redis.disconnect();
    this.#wake();
  }

  /** Rejects what is open and forgets the connection, without ending it. */
  close(): void {
    this.#closed = true;
    this.redis.off('close', this.#countCut);
    this.redis.off('ready', this.#wake);
    this.redis.off('end', this.#wake);
    this.#wake();
    this.#tick?.cancel();
    for (const open of this.#open) open.reject(connectionEnded(open.lockName));
    this.#open.clear();
  }

  get #ended(): boolean {
    return this.redis.status === 'end' || this.#closed;
  }

  #forget(open: OpenCall): void {
    this.#open.delete(open);
    if (this.#open.size === 0) this.#drained?.();
  }

  async #calmDown(attempt: number, giveUpAt: number): Promise<void> {
    await this.#sleep(Math.min(backoffMs(attempt, RETRY_BASE_MS, RETRY_LONGEST_MS), this.#left(giveUpAt)));
    if (this.redis.status === 'ready' || this.#ended) return;
    await this.#sleep(this.#left(giveUpAt));
  }

  #left(instant: number): number {
    return Math.max(0, instant - this.#clock.now());
  }

  /** Until the link is ready again or gives up, but no longer than `ms`. */
  async #sleep(ms: number): Promise<void> {
    const sleep = pause(this.#clock, ms);
    this.#sleepers.add(sleep.stop);
    await sleep.done;
    this.#sleepers.delete(sleep.stop);
  }

  readonly #countCut = (): void => {
    this.#cuts += 1;
  };

  readonly #wake = (): void => {
    for (const wake of [...this.#sleepers]) wake();
  };

  readonly #checkOpen = (): void => {
    this.#tick = undefined;
    const now = this.#clock.now();
    const lastError = connectionError(this.redis);
    const hopeless = this.redis.status !== 'ready' && isPermanent(lastError);
    for (const open of this.#open) {
      const overdue = now >= open.until;
      if (!overdue && !hopeless && !this.#ended) continue;
      this.#forget(open);
      open.reject(this.#diagnose(lastError, hopeless, open.lockName));
    }
    if (this.#open.size > 0) this.#tick = this.#clock.callAt(now + TICK_MS, this.#checkOpen);
  };

  #whyEnded(lockName: string): LockBackendError {
    return this.#refusal ? toBackendError(this.#refusal, lockName) : connectionEnded(lockName);
  }

  #diagnose(lastError: Error | undefined, hopeless: boolean, lockName: string): LockBackendError {
    if (this.#ended) return this.#whyEnded(lockName);
    if (lastError && hopeless) return toBackendError(lastError, lockName);
    if (lastError) return noAnswer(lastError, lockName);
    const { status } = this.redis;
    return noAnswer(status === 'ready' ? undefined : new Error(`the connection is ${status}`), lockName);
  }
}

/**
 * The error the connection last failed with. ioredis keeps it, but tells only `error` listeners: adding one to the
 * user's instance would silence the warning that it prints when there is none.
 */
function connectionError(redis: Redis): Error | undefined {
  if (redis.status === 'ready') return undefined;
  const { connector } = redis as unknown as { connector?: { firstError?: unknown } };
  return connector?.firstError instanceof Error ? connector.firstError : undefined;
}

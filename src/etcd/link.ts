import pDefer from 'p-defer';
import { backoffMs } from '../core/backoff.ts';
import { type Clock, pause } from '../core/clock.ts';
import type { LockBackendError } from '../errors.ts';
import { noAnswer, toBackendError } from './errors.ts';
import type { EtcdClient, Members } from './members.ts';
import { type Term, UNKNOWN_TERM } from './terms.ts';

/** What gRPC wants to know of a call. */
export interface CallOptions {
  /** By the wall clock, in ms. */
  readonly deadline: number;
}

/** One command to etcd, to be answered within `patienceMs`. */
export type Call<T> = (client: EtcdClient, options: CallOptions, patienceMs: number) => Promise<T>;

/** Has etcd answer a command, for as long as whoever asks has patience. */
export type Ask = <T>(call: Call<T>) => Promise<T>;

export interface Persistence {
  /** Local instant after which it is not tried again. */
  readonly giveUpAt: number;
  /** True when nobody wants the answer any more. */
  readonly moot?: () => boolean;
  readonly lockName?: string;
}

export interface Answer<T> {
  readonly reply: T;
  /** An earlier sending may have done what was asked. */
  readonly repeated: boolean;
}

const RETRY_BASE_MS = 25;
const RETRY_LONGEST_MS = 1_000;

/** Sends commands to one member after another until one answers; every one has a time by which it is answered. */
export class EtcdLink {
  readonly clock: Clock;
  readonly members: Members;
  readonly commandTimeoutMs: number;
  /** The latest term in which a lease was made from here: nothing is agreed to in an earlier one any more. */
  term: Term = UNKNOWN_TERM;
  #failure: LockBackendError | undefined;
  #ended = false;

  constructor(members: Members, clock: Clock, commandTimeoutMs: number) {
    this.members = members;
    this.clock = clock;
    this.commandTimeoutMs = commandTimeoutMs;
  }

  /** What is wrong, if the last command failed for want of a server. */
  get outage(): LockBackendError | undefined {
    return this.#failure;
  }

  /** Nothing is repeated any more. */
  end(): void {
    this.#ended = true;
  }

  /** Repeats the call until it is answered or the command timeout has passed; rejects with `LockBackendError`. */
  async run<T>(call: Call<T>, lockName?: string, answerBy = Number.POSITIVE_INFINITY): Promise<T> {
    const giveUpAt = Math.min(answerBy, this.clock.now() + this.commandTimeoutMs);
    return (await this.persist(call, { giveUpAt, ...(lockName !== undefined && { lockName }) })).reply;
  }

  /** Repeats the call until it is answered, moot or too late; at least one attempt is made. */
  async persist<T>(call: Call<T>, { giveUpAt, moot, lockName }: Persistence): Promise<Answer<T>> {
    for (let attempt = 0; ; attempt++) {
      try {
        const reply = await this.#try(call, giveUpAt - this.clock.now(), lockName);
        this.#failure = undefined;
        return { reply, repeated: attempt > 0 };
      } catch (error) {
        const failure = toBackendError(error, lockName);
        if (!failure.retryable) throw failure;
        this.#failure = failure;
        const delayMs = backoffMs(attempt, RETRY_BASE_MS, RETRY_LONGEST_MS);
        const futile = () => this.#ended || moot?.() === true;
        if (futile() || this.clock.now() + delayMs >= giveUpAt) throw failure;
        await pause(this.clock, delayMs).done;
        if (futile()) throw failure;
      }
    }
  }

  /** Rejects when `work` takes longer; etcd3 itself may wait for ever, for instance for a token. */
  async within<T>(ms: number, work: Promise<T>, lockName?: string): Promise<T> {
    const late = pDefer<never>();
    const alarm = this.clock.callAt(this.clock.now() + ms, () => late.reject(noAnswer(lockName)));
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      alarm.cancel();
    }
  }

  async #try<T>(call: Call<T>, leftMs: number, lockName: string | undefined): Promise<T> {
    const { members } = this;
    const client = members.current;
    const ms = Math.max(1, this.#patienceMs(leftMs));
    try {
      return await this.within(ms, call(client, { deadline: Date.now() + ms }, ms), lockName);
    } catch (error) {
      if (toBackendError(error).retryable) members.failed(client);
      throw error;
    }
  }

  /** With several members, one that is silent must leave time for another. */
  #patienceMs(leftMs: number): number {
    if (this.members.count === 1) return Math.min(leftMs, this.commandTimeoutMs);
    return Math.min(leftMs / 2, this.commandTimeoutMs / 3);
  }
}

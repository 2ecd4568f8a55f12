import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { LockBackendError } from '../errors.ts';
import { isReply } from './errors.ts';
import { Naps } from './naps.ts';
import type { Answer, ScriptCall } from './open-call.ts';

/** How a call is repeated until it is answered. */
export interface Persistence {
  /** Whether nobody needs the answer any more. */
  readonly moot?: (() => boolean) | undefined;
  /** Until when each try may take, as a local instant. */
  readonly answerBy?: number;
  /** What a first try has failed with, if there was one. */
  readonly failure?: LockBackendError | undefined;
  /** How often the link had been cut before that. */
  readonly cuts?: number;
}

/** What repeating needs of the link that it goes over. */
export interface LinkOfRepeats {
  /** How often the link has been cut so far. */
  readonly cuts: number;
  /** Whether a command is sent at once. */
  readonly ready: boolean;
  /** Whether it is never ready again: closed by us, or given up by the connection. */
  readonly ended: boolean;
  readonly closed: boolean;
  run(call: ScriptCall, until: number): Promise<Answer>;
}

const RETRY_BASE_MS = 25;
const RETRY_LONGEST_MS = 1_000;

/** Repeats the calls of one link until they are answered. */
export class Repeats {
  readonly #link: LinkOfRepeats;
  readonly #clock: Clock;
  /** Ended when the link is ready again or gives up. */
  readonly #naps: Naps;

  constructor(link: LinkOfRepeats, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
    this.#naps = new Naps(clock);
  }

  /** The link is ready again, or has given up. */
  wake(): void {
    this.#naps.wake();
  }

  /**
   * Runs a script until it is answered: what may pass by itself is tried again until `giveUpAt`, with backoff, and
   * while the link is down not before it is back. Undefined when `moot` turns true meanwhile.
   */
  async persist(
    call: ScriptCall,
    giveUpAt: number,
    { moot = () => false, answerBy = giveUpAt, failure, cuts = 0 }: Persistence = {},
  ): Promise<Answer | undefined> {
    const link = this.#link;
    let error: unknown = failure;
    let repeated = false;
    for (let attempt = 0; ; attempt++) {
      if (error !== undefined) {
        if (!(error instanceof LockBackendError && error.retryable) || link.closed) throw error;
        // What the server was sent once, and has refused, it has not done.
        repeated ||= !isReply(error.cause) || cuts !== link.cuts;
        await this.#calmDown(attempt, giveUpAt);
        if (moot()) return undefined;
        // A close ends the pause, too.
        if (link.closed || this.#clock.now() >= giveUpAt) throw error;
      }
      cuts = link.cuts;
      try {
        const answer = await link.run(call, answerBy);
        return repeated ? { ...answer, repeated } : answer;
      } catch (reason) {
        error = reason;
      }
    }
  }

  async #calmDown(attempt: number, giveUpAt: number): Promise<void> {
    const longest = Math.min(backoffMs(attempt, RETRY_BASE_MS, RETRY_LONGEST_MS), this.#left(giveUpAt));
    await this.#naps.sleep(longest);
    if (this.#link.ready || this.#link.ended) return;
    await this.#naps.sleep(this.#left(giveUpAt));
  }

  #left(instant: number): number {
    return Math.max(0, instant - this.#clock.now());
  }
}

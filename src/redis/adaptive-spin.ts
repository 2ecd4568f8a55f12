/** So many turns of an event loop that has nothing else to do take some 0.1 ms. */
const MOST_TURNS = 100;
/** Calls that follow each other more slowly than this are not made in a hurry, or somebody else needs the processor. */
const MOST_APART_MS = 0.3;
/** So many calls have to follow each other at once before it is worth it. */
const RUN_UP = 8;
/** How many calls go without after one of which somebody had to queue: others have a use for the processor then. */
const REST = 16;
/** An answer that takes too long costs a little of the processor; where others need that, they and we lose far more by it. */
const FAR = 1;
const CROWDED = 6;
/** After failures that add up to n, 2ⁿ − 1 calls go without. That is as far as n counts. */
const MOST_FAILURES = 9;
/** So many successes in a row make up for one. */
const AMENDS = 24;
/** The real one, also where tests have put another in its place later: only turns of the real event loop read answers. */
const nextTurn = setImmediate;

/**
 * Keeps the event loop awake while the answer to a call is about to come, where calls follow each other without a pause. A server on
 * the same machine answers in less time than it takes to fall asleep and to be woken. The loop does whatever else there is to do
 * meanwhile. When the answer takes long, it sleeps after all, and fewer and fewer calls are tried.
 *
 * Spin, then block, for about as long as blocking costs: Karlin, Li, Manasse and Owicki, "Empirical studies of competitive spinning
 * for a shared-memory multiprocessor", 1991.
 */
export class AdaptiveSpin {
  readonly #underWay: () => number;
  #spinning = false;
  #turnsLeft = 0;
  #latestAt = 0;
  /** How many calls are not tried. */
  #without = 0;
  #failures = 0;
  #successes = 0;

  /** `underWay` says how many calls are not answered. */
  constructor(underWay: () => number) {
    this.#underWay = underWay;
  }

  /** A call was sent at a local instant, and no other is under way. */
  start(sentAt: number): void {
    const slow = sentAt - this.#latestAt > MOST_APART_MS;
    this.#latestAt = sentAt;
    this.#turnsLeft = MOST_TURNS;
    if (this.#spinning && slow) this.#failed(CROWDED);
    else if (this.#spinning) this.#succeeded();
    else if (slow) this.#goWithout(RUN_UP);
    else if (this.#without > 0) this.#without -= 1;
    else this.#spin();
  }

  /** Somebody had to queue. */
  rest(): void {
    this.#goWithout(REST);
  }

  #spin(): void {
    this.#spinning = true;
    nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnsLeft -= 1;
    if (this.#turnsLeft === 0) this.#failed(FAR);
    this.#spinning = this.#without === 0 && this.#underWay() === 1;
    if (this.#spinning) nextTurn(this.#turn);
  };

  /** The call before was answered in time, and the next has followed at once. */
  #succeeded(): void {
    this.#successes += 1;
    if (this.#successes % AMENDS === 0 && this.#failures > 0) this.#failures -= 1;
  }

  #failed(weight: number): void {
    this.#successes = 0;
    this.#failures = Math.min(this.#failures + weight, MOST_FAILURES);
    this.#goWithout(2 ** this.#failures - 1);
  }

  #goWithout(calls: number): void {
    this.#without = Math.max(this.#without, calls);
  }
}

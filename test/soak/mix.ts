import { setImmediate as turn } from 'node:timers/promises';
import {
  aborted,
  alone,
  closed,
  contended,
  handedOn,
  lost,
  refreshed,
  reopened,
  timedOut,
  tried,
  used,
  watched,
} from './lock-uses.ts';
import { counted, documents, elected, permits, several } from './primitive-uses.ts';
import type { Stage } from './stage.ts';

type Use = (stage: Stage) => Promise<void>;

/** Everything that can be done with locks, and in how many of so many cases. */
const SHARES: readonly (readonly [Use, number])[] = [
  [alone, 40],
  [contended, 15],
  [timedOut, 8],
  [aborted, 8],
  [tried, 6],
  [refreshed, 4],
  [used, 6],
  [watched, 4],
  [lost, 5],
  [closed, 2],
  [reopened, 2],
  [handedOn, 3],
  [counted, 6],
  [permits, 6],
  [documents, 5],
  [several, 4],
  [elected, 3],
];

const DECK = SHARES.flatMap(([use, share]) => Array.from({ length: share }, () => use));
const WORKERS = 16;

/** A client's work: so many workers, each of which does one thing after the other. */
export class Mix {
  readonly #stage: Stage;
  #resting = true;
  #workers: Promise<void>[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  start(): void {
    this.#resting = false;
    this.#workers = Array.from({ length: WORKERS }, () => this.#work());
  }

  /** Resolves when everybody has finished what is under way. */
  async rest(): Promise<void> {
    this.#resting = true;
    await Promise.all(this.#workers);
    this.#workers = [];
  }

  async #work(): Promise<void> {
    while (!this.#resting) {
      await this.#stage.chance.of(DECK)(this.#stage);
      // Even if nothing in it has waited for anything.
      await turn();
    }
  }
}

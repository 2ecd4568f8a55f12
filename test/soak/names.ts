import type { Chance } from '../chaos/chance.ts';

/** How many names of each kind are in use at a time; 10 000 in all. */
const COUNTS = { hot: 20, lock: 5_980, permits: 1_500, document: 1_500, batch: 1_000 };

type Kind = keyof typeof COUNTS;

/** About so often each is used; then it is gone for good, and a new one comes: what is kept for each name adds up. */
const USES = 2;
/** So many of the hot ones are also those of the process that is killed again and again. */
const DOOMED = 5;
const LASTING = 16;

export const NAMES = Object.values(COUNTS).reduce((sum, count) => sum + count);

/** What the process that is killed again and again holds and waits for. */
export const DOOMED_NAMES = Array.from({ length: DOOMED }, (_, number) => nameOf('hot', number));

/** Beside all others: locks with the default options, whose fences stay for an hour. */
const LASTING_NAMES = Array.from({ length: LASTING }, (_, number) => `lasting-${number}`);

/** The fences that are meant to be there at the end. */
export const LASTING_KEYS = LASTING_NAMES.map(keyOf);

/** Decides which name is next. */
export class Names {
  readonly #chance: Chance;
  /** The oldest of each kind that is still in use. */
  readonly #oldest: Record<Exclude<Kind, 'hot'>, number> = { lock: 0, permits: 0, document: 0, batch: 0 };

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  any(kind: Exclude<Kind, 'hot'>): string {
    if (this.#chance.between(1, USES) === 1) this.#oldest[kind] += 1;
    return nameOf(kind, this.#oldest[kind] + this.#chance.between(0, COUNTS[kind] - 1));
  }

  /** One of a few that are in demand all the time. */
  hot(): string {
    return nameOf('hot', this.#chance.between(0, COUNTS.hot - 1));
  }

  lasting(): string {
    return this.#chance.of(LASTING_NAMES);
  }

  /** How many have been in use so far. */
  get soFar(): number {
    return Object.values(this.#oldest).reduce((sum, gone) => sum + gone, NAMES);
  }
}

/** The record of a lock. */
export function keyOf(name: string): string {
  return `baton:{${name}}`;
}

function nameOf(kind: Kind, number: number): string {
  return `${kind}-${number}`;
}

import { expect } from 'vitest';

/** Chance decides how long histories are: what it leaves out in one round comes in another. */
const MOST_ROUNDS = 5;

/** Which steps the histories of a model took, and how often. */
export class Coverage {
  readonly #taken = new Map<string, number>();

  /** Counts the steps that a history has taken, which is what its text tells. */
  note(history: unknown): void {
    for (const [, step = ''] of String(history).matchAll(/(\w+)\(/g)) {
      this.#taken.set(step, (this.#taken.get(step) ?? 0) + 1);
    }
  }

  /** Runs a property until every kind of step has been taken, and so many together. */
  async complete(property: () => Promise<void>, kinds: readonly string[], atLeast: number): Promise<void> {
    await rounds(property, () => this.#total() >= atLeast && kinds.every((kind) => this.#taken.has(kind)));
    expect([...this.#taken.keys()].sort()).toEqual(kinds.toSorted());
  }

  #total(): number {
    return [...this.#taken.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** Runs a property until it has come to enough; fails when it does not. */
export async function rounds(property: () => Promise<void>, enough: () => boolean): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS && !enough(); round++) await property();
  expect(enough(), `enough after ${MOST_ROUNDS} rounds`).toBe(true);
}

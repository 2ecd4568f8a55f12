import { describe } from '../errors.ts';
import type { Server } from './server.ts';

/** What has come of a question to several servers so far. */
export interface Answers<T> {
  readonly given: ReadonlyMap<Server, T>;
  readonly failed: ReadonlyMap<Server, Error>;
  readonly open: number;
}

/**
 * Follows a question to several servers until `decide` can tell what it comes to: it is asked after each answer. Rejects
 * with what `undecided` makes of the failures when all have answered and it still cannot.
 */
export function poll<T, R>(
  asked: Iterable<readonly [Server, Promise<T>]>,
  decide: (answers: Answers<T>) => R | undefined,
  undecided: (failed: ReadonlyMap<Server, Error>) => Error,
): Promise<R> {
  const given = new Map<Server, T>();
  const failed = new Map<Server, Error>();
  const pending = [...asked];
  let open = pending.length;
  return new Promise((resolve, reject) => {
    const look = (): void => {
      open -= 1;
      const decision = decide({ given, failed, open });
      if (decision !== undefined) resolve(decision);
      else if (open === 0) reject(undecided(failed));
    };
    for (const [server, answering] of pending) {
      answering.then(
        (answer) => {
          given.set(server, answer);
          look();
        },
        (error: unknown) => {
          failed.set(server, error instanceof Error ? error : new Error(describe(error)));
          look();
        },
      );
    }
  });
}

/** True from so many yes on, false from so many no on. */
export function count(answers: Answers<boolean>, yesNeeded: number, noNeeded: number): boolean | undefined {
  let yes = 0;
  for (const answer of answers.given.values()) if (answer) yes += 1;
  if (yes >= yesNeeded) return true;
  return answers.given.size - yes >= noNeeded ? false : undefined;
}

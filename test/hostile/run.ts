import { inspect } from 'node:util';
import fc from 'fast-check';
import { Guard } from './guard.ts';
import type { Property } from './properties.ts';

/** What came of the cases of one property. */
export interface Outcome {
  readonly cases: number;
  /** How often a dependency has thrown where nobody can catch it, or has not come to an end. */
  readonly foreign: number;
  /** What went wrong, with the smallest case of it that was found. */
  readonly failure: string | undefined;
}

/** Looks at so many cases of a property; the same ones for the same seed. `onCase` is called after each. */
export async function runProperty(
  property: Property,
  cases: number,
  seed: number,
  onCase: () => void = () => {},
): Promise<Outcome> {
  using guard = new Guard(property.isForeign);
  const check = async (): Promise<void> => {
    await guard.check();
    onCase();
  };
  const details = await fc.check(property.make(check), { numRuns: cases, seed, verbose: false });
  const failure = details.failed
    ? `${fc.defaultReportMessage(details)}\n${inspect(details.errorInstance)}`
    : undefined;
  return { cases: details.numRuns, foreign: guard.foreign, failure };
}

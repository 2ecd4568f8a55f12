import { spawnClient } from '../support/client-process.ts';
import { PROPERTIES, type Property } from './properties.ts';
import type { Outcome } from './run.ts';

/** Much longer than anything takes within one turn of the event loop, also on a machine with other things to do. */
const PATIENCE_MS = 10_000;
const LONGEST_STEP_MS = 60_000;
/** A process that needs more ends, and that is a failure. */
const NODE_OPTIONS = ['--max-old-space-size=1024'];

interface Step {
  readonly type: 'step';
  readonly cases: number;
  readonly outcome?: Outcome;
  readonly mebibytes?: number;
}

/** Where a case did not come to an end, after how many that did. */
interface Hang {
  readonly cases: number;
  readonly stack: string;
}

/** What came of the cases of a property in a process of its own, and how much memory that took at most. */
export interface OutcomeApart extends Outcome {
  readonly mebibytes: number;
}

interface Options {
  readonly onCases?: (count: number) => void;
  readonly module?: URL;
  readonly properties?: readonly Property[];
  readonly patienceMs?: number;
}

/**
 * As `runProperty`, in a process of its own, which is ended when it goes round in circles. If a dependency does, that counts
 * as one of its failures, and the rest of the cases are looked at with the next seed.
 */
export async function runApart(
  property: Property,
  cases: number,
  seed: number,
  options: Options = {},
): Promise<OutcomeApart> {
  const { onCases = () => {} } = options;
  let [done, foreign, mebibytes] = [0, 0, 0];
  for (let next = seed; ; next++) {
    const before = done;
    const last = await runOnce(property, cases - before, next, {
      ...options,
      onCases: (count) => onCases(before + count),
    });
    if ('outcome' in last) {
      const { outcome } = last;
      mebibytes = Math.max(mebibytes, last.mebibytes);
      return { ...outcome, cases: before + outcome.cases, foreign: foreign + outcome.foreign, mebibytes };
    }
    const error = new Error('it does not come to an end');
    error.stack = `${error}\n${last.stack}`;
    done += last.cases + 1;
    if (!property.isForeign?.(error))
      return { cases: done, foreign, mebibytes, failure: `seed ${next}, ${error.stack}` };
    foreign += 1;
    if (done >= cases) return { cases, foreign, mebibytes, failure: undefined };
  }
}

async function runOnce(
  property: Property,
  cases: number,
  seed: number,
  { onCases, module, properties = PROPERTIES, patienceMs = PATIENCE_MS }: Options,
): Promise<Hang | { outcome: Outcome; mebibytes: number }> {
  const { href } = module ?? new URL('./properties.ts', import.meta.url);
  const args = [href, properties.indexOf(property), cases, seed, patienceMs].map(String);
  await using client = spawnClient<Step>(new URL('./cases.client.ts', import.meta.url), {
    args,
    nodeOptions: NODE_OPTIONS,
  });
  try {
    for (;;) {
      const { cases: count, outcome, mebibytes = 0 } = await client.next('step', LONGEST_STEP_MS);
      onCases?.(count);
      if (outcome) return { outcome, mebibytes };
    }
  } catch (error) {
    const hang = hangIn(client.stderr);
    if (hang) return hang;
    throw error;
  }
}

function hangIn(stderr: string): Hang | undefined {
  const line = stderr.split('\n').find((each) => each.startsWith('{"cases":'));
  return line === undefined ? undefined : (JSON.parse(line) as Hang);
}

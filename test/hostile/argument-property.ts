import { inspect } from 'node:util';
import fc from 'fast-check';
import { LockArgumentError, LockError } from '../../src/index.ts';
import { isSignal } from './bounds.ts';
import { ENTRIES } from './entries.ts';
import type { Entry } from './entry.ts';
import { Stage } from './stage.ts';
import { anyHostile, type Hostile } from './values.ts';

/** So many cases share a stage, as it takes longer to set up than a case. */
const CASES_PER_STAGE = 200;
/** Turns of the event loop within which a call is answered that need not wait for anything. */
const TURNS = 50;
const LONGEST_MESSAGE = 400;

const anyEntry = fc
  .constantFrom(...ENTRIES)
  .map((entry) => ({ ...entry, [fc.toStringMethod]: () => entry.title }));

/** Any value as any argument: accepted within the documented bounds, or refused before anything is sent. */
export function argumentProperty(check: () => Promise<void>): fc.IAsyncProperty<unknown> {
  let stage: Stage | undefined;
  let cases = 0;
  return fc.asyncProperty(anyEntry, anyHostile, async (entry, hostile) => {
    if (cases++ % CASES_PER_STAGE === 0) {
      await stage?.close();
      stage = await Stage.open();
    }
    await judge(entry, hostile, stage as Stage);
    await check();
  });
}

async function judge(entry: Entry, hostile: Hostile, stage: Stage): Promise<void> {
  const verdict = entry.accepts(hostile.make(), stage);
  const value = hostile.make();
  const before = stage.traffic;
  const { result, error } = await outcomeOf(() => entry.call(stage, value as never));
  if (error instanceof LockArgumentError) {
    if (verdict === true) throw new Error(`refused: ${error.message}`);
    if (stage.traffic !== before) throw new Error('something was sent before it was refused');
    checkRefusal(error, entry, value);
    return;
  }
  if (verdict === false) throw new Error(`accepted, and came to ${inspect(error ?? result)}`);
  const known = error === undefined || error instanceof LockError || isReasonOf(value, error);
  if (!known && !entry.ownErrors) throw new Error(`no error of ours: ${inspect(error)}`);
  await dispose(result);
}

function checkRefusal(error: LockArgumentError, { argument }: Entry, value: unknown): void {
  if (error.message.length > LONGEST_MESSAGE)
    throw new Error(`a message of ${error.message.length} characters`);
  // A getter that throws leaves nothing to be told of but the options as a whole.
  const known = [argument, 'options', 'json'].includes(error.argument) || error.argument.startsWith('group/');
  // What is among the options has a name of its own.
  if (!['', 'options'].includes(argument) && !known)
    throw new Error(`it was about ${argument}, not ${error.argument}`);
  const own = error.argument === argument && argument !== 'auth';
  if (own && !Object.is(error.value, value))
    throw new Error('the error has another value than the one refused');
}

/** What a call comes to; what it throws counts as what it rejects with. */
async function outcomeOf(call: () => unknown): Promise<{ result?: unknown; error?: unknown }> {
  let outcome: { result?: unknown; error?: unknown } | undefined;
  new Promise((resolve) => resolve(call())).then(
    (result) => {
      outcome = { result };
    },
    (error: unknown) => {
      outcome = { error: error ?? new Error('rejected with nothing') };
    },
  );
  for (let turn = 0; !outcome && turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  if (!outcome) throw new Error('never settles');
  return outcome;
}

/** Whether it is what a signal among the arguments was aborted with. */
function isReasonOf(value: unknown, error: unknown): boolean {
  return isSignal(value) === true && (value as AbortSignal).reason === error;
}

/** Ends what a call has opened. */
async function dispose(result: unknown): Promise<void> {
  if (typeof result !== 'object' || result === null) return;
  const endings = 'supports' in result ? ['close'] : ['release', 'resign', 'return', 'close'];
  for (const ending of endings) {
    const end: unknown = Reflect.get(result, ending);
    if (typeof end !== 'function') continue;
    await Reflect.apply(end, result, []);
    return;
  }
}

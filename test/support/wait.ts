export { type UntilOptions, until, within } from '../../src/testing/wait.ts';

// The real timers, kept from the start: a test may put fake ones in their place.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis;

/**
 * What work fails with, if it does, and whether a timer that was due `ms` after its start came first: a machine that is slow
 * is so for both.
 */
export async function timely(
  ms: number,
  work: () => Promise<unknown>,
): Promise<{ error: unknown; late: boolean }> {
  let late = false;
  const timer = startTimer(() => {
    late = true;
  }, ms);
  try {
    await work();
    return { error: undefined, late };
  } catch (error) {
    return { error, late };
  } finally {
    stopTimer(timer);
  }
}

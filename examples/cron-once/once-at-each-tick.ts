import { Cron } from 'croner';
import { type Lock, type LockClient, LockClosedError } from '../../src/index.ts';

/** Longer than the clocks of the instances differ: so long after a tick nobody else takes it for a new one. */
const TTL = 60_000;
/** Timers may fire a little early, and then it is this tick all the same and not the one before. */
const EARLY_MS = 20;

/**
 * Runs `task` at each tick of `pattern`, once over all instances that call this. The tick is part of the lock's name, and
 * its lease is left to run out: an instance whose clock is late finds the tick taken, and not free again.
 */
export function onceAtEachTick(
  locks: LockClient,
  name: string,
  pattern: string,
  task: (tick: string, lock: Lock) => Promise<void>,
): Cron {
  const onError = (error: unknown) => {
    // Whoever is closed at a tick leaves it to the others.
    if (!(error instanceof LockClosedError)) console.error(`${name}: ${error}`);
  };
  return new Cron(pattern, { protect: true, catch: onError }, async (cron) => {
    // When it was due, which is the same everywhere; not when it came to it.
    const [due] = cron.previousRuns(1, new Date(Date.now() + EARLY_MS));
    if (due === undefined) return;
    const tick = due.toISOString();
    const lock = await locks.creator(tick, { group: name }).tryAcquire(TTL);
    if (lock === null) return;
    try {
      await task(tick, lock.autoRefresh());
    } finally {
      // Given up, not released: nobody refreshes it any more, and the tick stays taken for what is left of the TTL.
      if (lock.remaining > 0) lock.toJSON();
    }
  });
}

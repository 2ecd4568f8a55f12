import { type EventEmitter, getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { ClientSample, Counts } from './samples.ts';
import type { Stage } from './stage.ts';

/** What this process is like now. It must have been started with `--expose-gc`. */
export async function sampleClient({ locks, redis, never, tally }: Stage): Promise<ClientSample> {
  // To be asked for them also makes a client forget those that ran out unreleased: else it does so at a thousand.
  const held = locks.held.length;
  await collectGarbage();
  return {
    heapBytes: process.memoryUsage().heapUsed,
    grants: tally.counts.granted ?? 0,
    counts: {
      'held leases': held,
      'listeners of the signal': getEventListeners(never, 'abort').length,
      ...listenersOf('redis', redis),
      ...listenersOf('process', process),
      ...handles(),
    },
  };
}

/** How many there are for each event. */
export function listenersOf(what: string, emitter: EventEmitter): Counts {
  const counts = emitter
    .eventNames()
    .map((event) => [`listeners of ${what}: ${String(event)}`, emitter.listenerCount(event)] as const);
  return Object.fromEntries(counts);
}

function handles(): Counts {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    counts[`handles: ${kind}`] = (counts[`handles: ${kind}`] ?? 0) + 1;
  }
  return counts;
}

/** Twice, with a turn between: what is finalised in one round may free more. */
async function collectGarbage(): Promise<void> {
  const { gc } = globalThis;
  if (!gc) throw new Error('the garbage cannot be collected without --expose-gc');
  for (let round = 0; round < 2; round++) {
    gc();
    await turn();
  }
}

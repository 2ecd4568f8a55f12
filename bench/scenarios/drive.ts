import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants/contestant.ts';
import type { Percentiles } from '../measure/percentiles.ts';

export interface DriveCase {
  readonly contestant: Contestant;
  readonly inFlight: number;
  readonly autoPipelining: boolean;
}

export interface DriveRound {
  /** Pairs of acquire and release. */
  readonly perSecond: number;
  /** CPU time of the client for each pair. */
  readonly cpuUs: number;
  readonly latency: Percentiles;
}

const TIMING = {
  one: { warmUpMs: 60, measureMs: 180 },
  few: { warmUpMs: 60, measureMs: 100 },
  hundreds: { warmUpMs: 50, measureMs: 170 },
  // A pair of some takes a fifth of a second.
  thousands: { warmUpMs: 100, measureMs: 220 },
};

/** One round of uncontended pairs of one contestant. */
export async function measureDrive(
  bench: Bench,
  { contestant, inFlight, autoPipelining }: DriveCase,
): Promise<DriveRound> {
  const [worker] = await bench.crews.muster(contestant, 1, autoPipelining);
  if (!worker) throw new Error('no worker');
  const { pairsPerSecond, cpuUs, latency } = await worker.run('drive', {
    prefix: `free:${contestant.id}`,
    inFlight,
    ...timing(inFlight),
  });
  return { perSecond: pairsPerSecond, cpuUs, latency };
}

function timing(inFlight: number): { warmUpMs: number; measureMs: number } {
  if (inFlight === 1) return TIMING.one;
  if (inFlight < 100) return TIMING.few;
  return inFlight < 1_000 ? TIMING.hundreds : TIMING.thousands;
}

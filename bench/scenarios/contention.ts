import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants/contestant.ts';
import type { ContendResult } from '../crew/protocol.ts';
import { nowUs } from '../measure/clock.ts';
import { type Hold, handoffs, longestWaitOverShare, overlaps, overtakes } from '../measure/holds.ts';
import { Durations } from '../measure/percentiles.ts';
import { outOfOrder, turns } from '../measure/turns.ts';

/** So many processes with so many workers each want one lock. */
export interface Contention {
  readonly processes: number;
  readonly workers: number;
  readonly holdMs: number;
  readonly measureMs: number;
}

/** One round of one contestant, figures per acquisition in µs. */
export interface RoundFigures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly perSecond: number;
  readonly longestWaitOverShare: number;
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
}

export interface Round {
  readonly figures: RoundFigures;
  readonly holds: readonly Hold[];
  /** Those without the rush of the beginning, in which all ask at once and the queue is yet to grow. */
  readonly settled: readonly Hold[];
  readonly overlapsByTime: number;
  readonly overlapsByFence: number;
}

/** What one round came to on the wire. Counted apart, since looking slows the server. */
export interface CountedRound {
  readonly acquisitions: number;
  readonly commandsPerAcquisition: number;
  readonly outOfOrder: number;
}

/** Long enough to have told all processes when to start. */
const LEAD_MS = 20;
/** How long those still in line at the end may take. Who takes longer hangs. */
const DRAIN_MS = 6_000;

/** A process that is kept from running sends what it was called for so much later, at the very most. */
const ORDER_MARGIN_US = 100_000;

export async function contendOnce(
  bench: Bench,
  contestant: Contestant,
  contention: Contention,
): Promise<Round> {
  await bench.crews.muster(contestant, contention.processes);
  const { result, used } = await bench.server.use(() => compete(bench, contestant, contention));
  const { results, untilUs } = result;
  const holds = holdsOf(results);
  // At the end fewer and fewer are left; who polls then has the lock to itself, more or less.
  const within = holds.filter(({ granted }) => granted < untilUs);
  const { byTime, byFence } = overlaps(holds);
  const clientCpuUs = results.reduce((sum, { cpuUs }) => sum + cpuUs, 0);
  const { p50, p99, max } = Durations.of(handoffs(within)).percentiles();
  await bench.server.flush();
  return {
    holds,
    settled: results.flatMap((each, process) => holdsOf([each], process).slice(contention.workers)),
    overlapsByTime: byTime,
    overlapsByFence: byFence,
    figures: {
      ...{ p50, p99, max },
      perSecond: within.length / (contention.measureMs / 1_000),
      longestWaitOverShare: longestWaitOverShare(holds, contention.processes * contention.workers),
      clientCpuUs: clientCpuUs / holds.length,
      serverCpuUs: used.cpuUs / holds.length,
    },
  };
}

export async function countOnce(
  bench: Bench,
  contestant: Contestant,
  contention: Contention,
): Promise<CountedRound> {
  await bench.crews.muster(contestant, contention.processes);
  const { result, commands } = await bench.server.record(() => compete(bench, contestant, contention));
  await bench.server.flush();
  const holds = holdsOf(result.results);
  return {
    acquisitions: holds.length,
    commandsPerAcquisition: commands.length / holds.length,
    outOfOrder: Math.max(
      outOfOrder(turns(commands, contestant.tokenOf)),
      // Who names itself anew with each try has no place in the record.
      overtakes(holds, ORDER_MARGIN_US),
    ),
  };
}

async function compete(
  bench: Bench,
  contestant: Contestant,
  { processes, workers, holdMs, measureMs }: Contention,
): Promise<{ results: ContendResult[]; untilUs: number }> {
  const crew = await bench.crews.muster(contestant, processes);
  const startAtUs = nowUs() + LEAD_MS * 1_000;
  const untilUs = startAtUs + measureMs * 1_000;
  // Whoever thinks less than others hold is in line before the next release, also with two workers; whoever thinks as
  // long asks in the very moment of it.
  const thinkMs = Math.max(0, holdMs - 1);
  const params = { name: `contended:${contestant.id}`, workers, holdMs, thinkMs, startAtUs, untilUs };
  const timeoutMs = LEAD_MS + measureMs + DRAIN_MS;
  const results = await Promise.all(crew.map((worker) => worker.run('contend', params, timeoutMs)));
  return { results, untilUs };
}

/** In the order in which they were asked for, process by process; the first process has the number `from`. */
function holdsOf(results: readonly ContendResult[], from = 0): Hold[] {
  return results.flatMap(({ asked, granted, released, fences }, index) =>
    asked
      .map((at, i): Hold => {
        const fence = fences[i];
        return {
          ...{ asked: at, granted: granted[i] ?? Number.NaN, released: released[i] ?? Number.NaN },
          ...{ process: from + index },
          ...(fence === undefined ? {} : { fence }),
        };
      })
      .sort((a, b) => a.asked - b.asked),
  );
}

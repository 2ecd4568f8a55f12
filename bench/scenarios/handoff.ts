import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { BARE, BARE_HANDOFF } from '../contestants/registry.ts';
import { waits } from '../measure/holds.ts';
import { Durations, type Percentiles } from '../measure/percentiles.ts';
import { interleave } from '../measure/rounds.ts';
import { rounded, type Series, series, seriesOf } from '../measure/series.ts';
import {
  type Contention,
  type CountedRound,
  contendOnce,
  countOnce,
  type Round,
  type RoundFigures,
} from './contention.ts';
import { hops } from './hops.ts';
import type { Scenario } from './scenario.ts';

export interface HandoffRow {
  readonly contestant: string;
  readonly processes: number;
  readonly workers: number;
  readonly holdMs: number;
  readonly figures: Record<keyof RoundFigures, Series>;
  /** p50 over the bare hop of the same round. */
  readonly overHop: Series;
  readonly overlapsByTime: number;
  readonly overlapsByFence: number;
  /** Undefined when the contestant failed before it was counted. */
  readonly counted: CountedRound | null;
  /** Waits at 0, 1, … 100 percent, in µs, without each worker's first. */
  readonly waitCurve: readonly number[];
}

export interface HopRow {
  readonly processes: number;
  readonly holdMs: number;
  /** µs. */
  readonly latency: Record<keyof Percentiles, Series>;
}

export interface HandoffResult {
  readonly rows: readonly HandoffRow[];
  readonly hops: readonly HopRow[];
}

type Case = Contention & { readonly everybody: boolean };

const SIZES = [
  { processes: 2, workers: 1, measureMs: 220 },
  { processes: 4, workers: 5, measureMs: 270 },
  { processes: 4, workers: 25, measureMs: 270 },
  // Long enough for each of 400 to have its turn.
  { processes: 4, workers: 100, measureMs: 500 },
];
/** At this hold time everybody takes part; at the others only we do. */
export const COMMON_HOLD_MS = 1;
/** The budget on the handoff counts at each of them. */
export const HOLDS_MS = [0, COMMON_HOLD_MS, 5];
const CASES: readonly Case[] = HOLDS_MS.flatMap((holdMs) =>
  SIZES.map((size) => ({ ...size, holdMs, everybody: holdMs === COMMON_HOLD_MS })),
);

/** To and fro as in the case of the budget: it takes V8 thousands of handoffs to compile all that one goes through. */
const PAIR: Contention = { processes: 2, workers: 1, holdMs: 0, measureMs: 2_000 };
const WARM_UPS: readonly Contention[] = [
  // Few enough for those who retry to have their turns soon.
  { processes: 4, workers: 10, holdMs: 0, measureMs: 600 },
  PAIR,
];

export function caseName({ processes, workers, holdMs }: Omit<Contention, 'measureMs'>): string {
  return `${processes} × ${workers}, hold ${holdMs} ms`;
}

/** Many processes, one name. */
export const handoff: Scenario<HandoffResult> = {
  title: 'handoff',
  steps: (bench) => CASES.reduce((sum, each) => sum + stepsOfCase(bench, each), stepsOfWarmUp(bench)),
  run: async (bench) => {
    const results: CaseResult[] = [];
    await warmUpHandoff(bench);
    for (const each of CASES) results.push(await measureCase(bench, each));
    return {
      rows: results.flatMap(({ rows }) => rows),
      hops: results.map(({ hop }) => hop),
    };
  },
};

interface CaseResult {
  readonly rows: readonly HandoffRow[];
  readonly hop: HopRow;
}

function contenders(bench: Bench, { workers, everybody }: Case): readonly Contestant[] {
  // The case of the budget, which shows what of it is ours.
  const bare = workers === 1 ? [BARE_HANDOFF] : [];
  return [...bare, ...(everybody ? bench.contestants : [bench.ours])];
}

/** Of `measureCase`. */
export function stepsOfCase(bench: Bench, each: Case): number {
  const { length } = contenders(bench, each);
  return roundsOf(bench, each) * (1 + length) + length;
}

/** There is a budget on the handoff between two: more and shorter rounds even out what else the machine does. */
function roundsOf({ settings }: Bench, { workers }: Contention): number {
  return workers === 1 ? Math.ceil(settings.rounds * 1.4) : settings.rounds;
}

/** One case: the bare hop and all contenders in rounds, then each once more under a recorder. */
export async function measureCase(bench: Bench, each: Case): Promise<CaseResult> {
  const { processes, workers, holdMs } = each;
  const where = caseName(each);
  const runners = contenders(bench, each);
  const rounds = new Map<Contestant, Map<number, Round>>(runners.map((runner) => [runner, new Map()]));
  const hopRounds: Percentiles[] = [];
  await interleave([BARE, ...runners], roundsOf(bench, each), async (runner, round) => {
    if (runner === BARE) {
      bench.progress.step(`handoff: ${where}, bare hop`);
      hopRounds[round] = await hops(bench, { processes, holdMs, measureMs: each.measureMs });
      return;
    }
    const measureMs = bench.scaled(each.measureMs);
    const run = () => contendOnce(bench, runner, { ...each, measureMs });
    const result = await bench.attempt(runner, 'handoff', where, run);
    if (result) rounds.get(runner)?.set(round, result);
  });
  const rows: HandoffRow[] = [];
  for (const runner of runners) {
    const counted = await bench.attempt(runner, 'handoff', where, () => countOnce(bench, runner, each));
    const own = rounds.get(runner) ?? new Map<number, Round>();
    if (own.size > 0) {
      rows.push({
        contestant: runner.id,
        processes,
        workers,
        holdMs,
        ...summary(own, hopRounds),
        counted: counted ?? null,
      });
    }
  }
  return { rows, hop: { processes, holdMs, latency: seriesOf(hopRounds) } };
}

/** As a service that has run for a while: code that is not compiled yet counts against whoever has most of it. */
export async function warmUpHandoff(bench: Bench): Promise<void> {
  bench.progress.step('handoff: warm-up, bare hop');
  await hops(bench, PAIR);
  // Ours last, since what is measured first is ours.
  for (const runner of [...bench.others, BARE_HANDOFF, bench.ours]) {
    const run = async () => {
      for (const each of WARM_UPS) await contendOnce(bench, runner, each);
    };
    await bench.attempt(runner, 'handoff', 'warm-up', run);
  }
}

/** Of `warmUpHandoff`. */
export function stepsOfWarmUp({ contestants }: Bench): number {
  return contestants.length + 2;
}

function summary(rounds: ReadonlyMap<number, Round>, hopRounds: readonly Percentiles[]) {
  const all = [...rounds.values()];
  const ratios = [...rounds].map(
    ([round, { figures }]) => figures.p50 / (hopRounds[round]?.p50 ?? Number.NaN),
  );
  const sum = (pick: (round: Round) => number): number =>
    all.reduce((total, round) => total + pick(round), 0);
  return {
    figures: seriesOf(all.map(({ figures }) => figures)),
    overHop: series(ratios),
    overlapsByTime: sum((round) => round.overlapsByTime),
    overlapsByFence: sum((round) => round.overlapsByFence),
    waitCurve: Durations.of(all.flatMap(({ settled }) => waits(settled)))
      .curve()
      .map(rounded),
  };
}

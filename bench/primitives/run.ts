import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Bench, Settings } from '../bench.ts';
import { OURS, SHARES } from '../contestants/registry.ts';
import { rounded, type Series } from '../measure/series.ts';
import { REPORT_DIR } from '../reporting/files.ts';
import { describeHost, type Host } from '../reporting/machine.ts';
import type { BudgetLine } from '../results.ts';
import { measureCase, stepsOfCase, stepsOfWarmUp, warmUpHandoff } from '../scenarios/handoff.ts';
import { onStage } from '../stage.ts';
import { type Counting, measureCounting } from './counting.ts';
import { measureReaders, type ReaderBatch } from './readers.ts';
import { measureRoundTrips, type RoundTrips } from './round-trips.ts';
import { measureStarvation, type Starvation } from './starvation.ts';
import { measureSuccession, type Succession } from './succession.ts';

/** Two processes that hand a share to and fro. */
export interface ShareHandoff {
  readonly kind: string;
  readonly holdMs: number;
  /** µs. */
  readonly p50: Series;
  readonly p99: Series;
  /** p50 over the bare PUBLISH → message hop of the same round. */
  readonly overHop: Series;
  readonly commandsPerAcquisition: number | null;
  readonly outOfOrder: number | null;
  readonly overlaps: number;
}

export interface PrimitiveResults {
  readonly date: string;
  readonly machine: Host;
  readonly quick: boolean;
  readonly seconds: number;
  readonly handoffs: readonly ShareHandoff[];
  readonly readers: ReaderBatch;
  readonly starvation: Starvation;
  readonly counting: Counting;
  readonly succession: Succession;
  readonly roundTrips: RoundTrips;
  readonly budgets: readonly BudgetLine[];
}

const FILE = new URL('primitives.json', REPORT_DIR);
const CASES = [0, 1].map((holdMs) => ({ processes: 2, workers: 1, holdMs, measureMs: 300, everybody: true }));
/** The budget of a handoff, as a multiple of a bare hop. */
const MOST_HOPS = 1.5;
/** How long after its TTL a killed leader may be without a successor. */
const LATEST_SUCCESSOR_MS = 250;

/** Measures everything that is more than a mutex, on a server of its own. */
export async function measurePrimitives(settings: Settings): Promise<PrimitiveResults> {
  const startedAt = performance.now();
  // A mutex beside them, to compare with.
  return onStage(settings, [OURS, SHARES.pairs, SHARES.writers, SHARES.leaders], async (bench) => {
    const steps = CASES.reduce((sum, each) => sum + stepsOfCase(bench, each), stepsOfWarmUp(bench));
    bench.progress.expect(steps + settings.rounds * 3 + 2);
    await warmUpHandoff(bench);
    const handoffs: ShareHandoff[] = [];
    for (const each of CASES) handoffs.push(...(await measureHandoffs(bench, each)));
    const readers = await measureReaders(bench);
    const starvation = await measureStarvation(bench);
    const counting = await measureCounting(bench);
    const succession = await measureSuccession(bench);
    const roundTrips = await measureRoundTrips(bench);
    const figures = { handoffs, readers, starvation, counting, succession, roundTrips };
    return {
      date: new Date().toISOString(),
      machine: describeHost(),
      quick: settings.quick,
      seconds: rounded((performance.now() - startedAt) / 1_000),
      ...figures,
      budgets: budgets(figures),
    };
  });
}

export function writePrimitives(results: PrimitiveResults): void {
  mkdirSync(REPORT_DIR, { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
}

/** The committed run, if there is one. */
export function readPrimitives(): PrimitiveResults | undefined {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as PrimitiveResults) : undefined;
}

async function measureHandoffs(bench: Bench, each: (typeof CASES)[number]): Promise<ShareHandoff[]> {
  const { rows } = await measureCase(bench, each);
  return rows.map((row) => ({
    kind: row.contestant,
    holdMs: each.holdMs,
    p50: row.figures.p50,
    p99: row.figures.p99,
    overHop: row.overHop,
    commandsPerAcquisition: row.counted?.commandsPerAcquisition ?? null,
    outOfOrder: row.counted?.outOfOrder ?? null,
    overlaps: row.overlapsByTime + row.overlapsByFence,
  }));
}

type Figures = Pick<
  PrimitiveResults,
  'handoffs' | 'readers' | 'starvation' | 'counting' | 'succession' | 'roundTrips'
>;

function budgets(figures: Figures): BudgetLine[] {
  const { handoffs, readers, starvation, counting, succession, roundTrips } = figures;
  const line = (budget: string, relation: '≤' | '=', limit: number, value: number): BudgetLine => {
    return { budget, relation, limit, value, met: relation === '=' ? value === limit : value <= limit };
  };
  const shares = handoffs.filter(({ kind }) => kind === SHARES.pairs.id || kind === SHARES.writers.id);
  return [
    ...shares.map(({ kind, holdMs, overHop }) =>
      line(`handoff of ${kind}, hold ${holdMs} ms, p50, over a bare hop`, '≤', MOST_HOPS, overHop.median),
    ),
    line(`scripts that grant to ${readers.readers} readers`, '=', 1, readers.scripts),
    line('small requests that overtook a big one', '=', 0, starvation.overtakes),
    line(`items left of ${counting.items} that were counted down`, '=', 0, counting.left),
    line('decrements that were told to be the last one', '=', 1, counting.lasts),
    line('a killed leader is replaced after its TTL, ms', '≤', LATEST_SUCCESSOR_MS, succession.lateMs.max),
    line('commands for each of several locks at once', '=', 2, roundTrips.commandsPerName),
    line('commands to go on with a lease', '=', 1, roundTrips.commandsOfResume),
    line(
      'overlapping holds',
      '=',
      0,
      handoffs.reduce((sum, { overlaps }) => sum + overlaps, 0),
    ),
  ];
}

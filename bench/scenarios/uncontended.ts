import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { BARE, BARE_AWAKE, BARE_HANDOFF } from '../contestants/registry.ts';
import type { FootprintResult } from '../crew/protocol.ts';
import type { Percentiles } from '../measure/percentiles.ts';
import { interleave } from '../measure/rounds.ts';
import { type Series, series, seriesOf } from '../measure/series.ts';
import { type DriveCase, type DriveRound, measureDrive } from './drive.ts';
import { collect, type Scenario } from './scenario.ts';

export const IN_FLIGHT = [1, 10, 100, 1_000];

export interface UncontendedRow {
  readonly contestant: string;
  readonly inFlight: number;
  readonly autoPipelining: boolean;
  /** Pairs of acquire and release. */
  readonly perSecond: Series;
  /** CPU time of the client for each pair. */
  readonly cpuUs: Series;
  /** Of a pair, in µs. */
  readonly latency: Record<keyof Percentiles, Series>;
}

export interface Footprint extends FootprintResult {
  readonly pairs: number;
  readonly commands: number;
  /** Connections of the process to the server. */
  readonly connections: number;
}

export interface UncontendedResult {
  readonly rows: readonly UncontendedRow[];
  /** What ours leaves behind. */
  readonly footprint: Footprint | null;
}

const FOOTPRINT_PAIRS = 1_000;
const WARM_UP_IN_FLIGHT = 100;
/** Thousands of pairs: V8 takes that many to compile what a pair goes through. */
const WARM_UP_ROUNDS = 3;

/**
 * One by one, most of the time goes by while processors sleep and wake, and how fast they do so depends on what else
 * runs at the moment; with a few in flight the fastest are within some percent of each other. More rounds even that out.
 */
const TIMES_THE_ROUNDS = new Map([
  [1, 1.6],
  [10, 2.4],
]);

/** Acquire and release on names that nobody else wants. */
export const uncontended: Scenario<UncontendedResult> = {
  title: 'uncontended',
  steps: (bench) =>
    IN_FLIGHT.reduce((sum, level) => sum + roundsAt(bench, level) * cases(bench, level).length, 0) +
    warmUpCases(bench).length * WARM_UP_ROUNDS +
    1,
  run: async (bench) => {
    const rows: UncontendedRow[] = [];
    await warmUp(bench);
    for (const inFlight of IN_FLIGHT) rows.push(...(await measureLevel(bench, inFlight)));
    return { rows, footprint: await footprint(bench) };
  },
};

/** Code that has not been compiled yet would count against whoever has most of it. */
export async function warmUp(bench: Bench): Promise<void> {
  await interleave(warmUpCases(bench), WARM_UP_ROUNDS, async (driveCase) => {
    const warm = () => measureDrive(bench, driveCase);
    await bench.attempt(driveCase.contestant, 'uncontended', 'warm-up', warm);
  });
}

/** Everybody who takes part at some level. */
function warmUpCases(bench: Bench): DriveCase[] {
  const bare = { contestant: BARE_HANDOFF, inFlight: WARM_UP_IN_FLIGHT, autoPipelining: false };
  return [bare, ...cases(bench, WARM_UP_IN_FLIGHT)];
}

export async function measureLevel(bench: Bench, inFlight: number): Promise<UncontendedRow[]> {
  const rounds = new Map<DriveCase, DriveRound[]>();
  await interleave(cases(bench, inFlight), roundsAt(bench, inFlight), async (driveCase) => {
    const { contestant } = driveCase;
    const where = `${inFlight} in flight${driveCase.autoPipelining ? ', auto-pipelining' : ''}`;
    const result = await bench.attempt(contestant, 'uncontended', where, () =>
      measureDrive(bench, driveCase),
    );
    if (result) collect(rounds, driveCase, result);
  });
  await bench.server.flush();
  return [...rounds].map(([{ contestant, autoPipelining }, results]) => ({
    ...{ contestant: contestant.id, inFlight, autoPipelining },
    perSecond: series(results.map(({ perSecond }) => perSecond)),
    cpuUs: series(results.map(({ cpuUs }) => cpuUs)),
    latency: seriesOf(results.map(({ latency }) => latency)),
  }));
}

export function roundsAt({ settings }: Bench, inFlight: number): number {
  return Math.ceil(settings.rounds * (TIMES_THE_ROUNDS.get(inFlight) ?? 1));
}

/** Auto-pipelining can only pay with many in flight; with few it is measured where the budgets ask for it. */
function cases(bench: Bench, inFlight: number): DriveCase[] {
  const withBoth = ({ ioredis, kind, id }: Contestant): boolean =>
    ioredis && ((inFlight >= 100 && kind === 'peer') || id === BARE.id || id === bench.ours.id);
  // How often somebody would retry makes no difference here: one polling baseline is enough.
  const polling = bench.contestants.find(({ kind }) => kind === 'polling');
  // One by one they show what the server takes for a lock with a fence and a line, and what it is worth not to sleep.
  const bare = inFlight === 1 ? [BARE, BARE_AWAKE, BARE_HANDOFF] : [BARE];
  return [...bare, ...bench.contestants]
    .filter((contestant) => contestant.kind !== 'polling' || contestant === polling)
    .flatMap((contestant) =>
      (withBoth(contestant) ? [false, true] : [false]).map((autoPipelining) => ({
        ...{ contestant, inFlight, autoPipelining },
      })),
    );
}

async function footprint(bench: Bench): Promise<Footprint | null> {
  const measured = await bench.attempt(bench.ours, 'uncontended', 'footprint', async () => {
    const worker = await bench.crews.recruit(bench.ours);
    const before = await bench.server.connections();
    const run = () => worker.run('footprint', { pairs: FOOTPRINT_PAIRS });
    await run(); // The server has seen the scripts, and the process what it needs once.
    const connections = 1 + (await bench.server.connections()) - before;
    const { result, commands } = await bench.server.record(run);
    await worker.stop();
    return { ...result, pairs: FOOTPRINT_PAIRS, commands: commands.length, connections };
  });
  return measured ?? null;
}

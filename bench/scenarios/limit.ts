import type { Bench } from '../bench.ts';
import { BARE } from '../contestants/registry.ts';
import type { Percentiles } from '../measure/percentiles.ts';
import { type Series, series, seriesOf } from '../measure/series.ts';
import { measureDrive } from './drive.ts';
import { HOLDS_MS } from './handoff.ts';
import { hops } from './hops.ts';
import { collect, type Scenario } from './scenario.ts';
import { IN_FLIGHT } from './uncontended.ts';

type PercentileSeries = Record<keyof Percentiles, Series>;

export interface LimitResult {
  /** µs. */
  readonly ping: PercentileSeries;
  readonly pairs: readonly {
    inFlight: number;
    autoPipelining: boolean;
    perSecond: Series;
    latency: PercentileSeries;
  }[];
  /** µs, between two processes. */
  readonly hops: readonly { holdMs: number; latency: PercentileSeries }[];
}

const PING_MS = 250;
const HOP_MS = 250;
const LEVELS = IN_FLIGHT.flatMap((inFlight) => [
  { inFlight, autoPipelining: false },
  { inFlight, autoPipelining: true },
]);

/** What the wire and the server allow: everything else is a ratio to these. */
export const limit: Scenario<LimitResult> = {
  title: 'limit',
  steps: ({ settings }) => settings.rounds * (1 + LEVELS.length + HOLDS_MS.length),
  run: async (bench) => {
    const pings: Percentiles[] = [];
    const pairs = new Map<(typeof LEVELS)[number], { perSecond: number; latency: Percentiles }[]>();
    const hopRounds = new Map<number, Percentiles[]>();
    for (let round = 0; round < bench.settings.rounds; round++) {
      pings.push(await ping(bench));
      for (const level of LEVELS) {
        bench.progress.step(`limit: bare pair, ${level.inFlight} in flight`);
        collect(pairs, level, await measureDrive(bench, { contestant: BARE, ...level }));
      }
      for (const holdMs of HOLDS_MS) {
        bench.progress.step(`limit: PUBLISH to message, hold ${holdMs} ms`);
        collect(hopRounds, holdMs, await hops(bench, { processes: 2, measureMs: HOP_MS, holdMs }));
      }
    }
    return {
      ping: seriesOf(pings),
      pairs: [...pairs].map(([level, rounds]) => ({
        ...level,
        perSecond: series(rounds.map(({ perSecond }) => perSecond)),
        latency: seriesOf(rounds.map(({ latency }) => latency)),
      })),
      hops: [...hopRounds].map(([holdMs, rounds]) => ({ holdMs, latency: seriesOf(rounds) })),
    };
  },
};

async function ping(bench: Bench): Promise<Percentiles> {
  bench.progress.step('limit: PING');
  const [worker] = await bench.crews.muster(BARE, 1);
  if (!worker) throw new Error('no worker');
  return worker.run('ping', { measureMs: bench.scaled(PING_MS) });
}

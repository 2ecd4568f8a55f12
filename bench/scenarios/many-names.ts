import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { rounded } from '../measure/series.ts';
import type { Scenario } from './scenario.ts';

export interface ManyNamesRow {
  readonly contestant: string;
  /** Refreshes, which are a script each with all of them. */
  readonly commandsPerSecond: number;
  readonly bytesPerSecond: number;
  /** CPU time in ms per second. */
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
  /** Of a timer that is due every ms, in ms. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
}

export interface ManyNamesResult {
  readonly locks: number;
  readonly ttlMs: number;
  readonly seconds: number;
  readonly rows: readonly ManyNamesRow[];
}

const LOCKS = 10_000;
const TTL_MS = 4_000;

/** One process keeps many locks for as long as one TTL, in which each library refreshes as often as it sees fit. */
export const manyNames: Scenario<ManyNamesResult> = {
  title: 'many names',
  steps: ({ contestants }) => contestants.length,
  run: async (bench) => {
    const rows: ManyNamesRow[] = [];
    for (const contestant of bench.contestants) {
      const where = `${LOCKS} locks`;
      const row = await bench.attempt(contestant, 'many names', where, () => measure(bench, contestant));
      if (row) rows.push(row);
      await bench.server.flush();
    }
    return { locks: LOCKS, ttlMs: TTL_MS, seconds: TTL_MS / 1_000, rows };
  },
};

async function measure(bench: Bench, contestant: Contestant): Promise<ManyNamesRow> {
  const worker = await bench.crews.recruit(contestant);
  try {
    await worker.run('keep', { prefix: 'kept', count: LOCKS, ttlMs: TTL_MS });
    const { result: seen, used } = await bench.server.use(() => worker.run('observe', { ms: TTL_MS }));
    const kept = await bench.server.keysLike('kept');
    if (kept < LOCKS) throw new Error(`only ${kept} of ${LOCKS} locks were still there after one TTL`);
    const seconds = seen.elapsedUs / 1e6;
    return {
      contestant: contestant.id,
      commandsPerSecond: rounded(used.scripts / seconds),
      bytesPerSecond: rounded(used.inputBytes / seconds),
      clientCpuMs: rounded(seen.cpuUs / 1_000 / seconds),
      serverCpuMs: rounded(used.cpuUs / 1_000 / seconds),
      loopDelayP99Ms: rounded(seen.loopDelayP99Ms),
      loopDelayMaxMs: rounded(seen.loopDelayMaxMs),
    };
  } finally {
    await worker.stop();
  }
}

import { LockClient } from '../../src/index.ts';
import { scripts } from '../../test/support/scripts.ts';
import type { Bench } from '../bench.ts';
import type { Worker } from '../crew/crews.ts';
import type { ExpireResult, PassResult } from '../crew/protocol.ts';
import { nowUs } from '../measure/clock.ts';
import { nextGrants } from '../measure/holds.ts';
import { Durations } from '../measure/percentiles.ts';
import { type Series, seriesOf, trimmedMean } from '../measure/series.ts';
import { collect, type Scenario } from './scenario.ts';

interface CrowdFigures {
  /** Mean of the release script on the server without the slowest tenth, in µs. */
  readonly releaseScriptUs: number;
  /** From the release call to the next acquire's return, in µs. */
  readonly handoffP50: number;
  readonly handoffP99: number;
  readonly commandsPerAcquisition: number;
  /** Client heap and server memory, in bytes per waiter. With few waiters what is there once outweighs them. */
  readonly heapBytes: number;
  readonly redisBytes: number;
}

export interface CrowdRow {
  readonly waiters: number;
  readonly acquisitions: number;
  readonly figures: Record<keyof CrowdFigures, Series>;
}

export interface CrowdResult {
  readonly rows: readonly CrowdRow[];
  /** So many time out at one instant. */
  readonly expiry: (ExpireResult & { readonly waiters: number }) | null;
}

const PROCESSES = 2;
const SIZES = [10, 100, 1_000, 10_000, 100_000];
/** A crowd this large takes long to gather, and what it shows varies little. */
const LARGE = 100_000;
const LARGE_ROUNDS = 2;
const PASS_MS = 400;
/** Long enough to have told all processes when to start. */
const LEAD_MS = 20;
const NAME = 'crowded';
const EXPIRING = 10_000;
const EXPIRY_MS = 6_000;
const JOIN_TIMEOUT_MS = 60_000;

/** Up to 100 000 waiters in line for one name, ours only: nobody else has a line. */
export const crowd: Scenario<CrowdResult> = {
  title: 'crowd',
  steps: (bench) => SIZES.reduce((sum, waiters) => sum + roundsFor(bench, waiters), 0) + 1,
  run: async (bench) => {
    const rounds = new Map<number, { figures: CrowdFigures; acquisitions: number }[]>();
    for (let round = 0; round < bench.settings.rounds; round++) {
      for (const waiters of SIZES.filter((size) => round < roundsFor(bench, size))) {
        const where = `${waiters} waiters`;
        const result = await bench.attempt(bench.ours, 'crowd', where, () => measure(bench, waiters));
        if (result) collect(rounds, waiters, result);
        await bench.server.flush();
      }
    }
    const rows = [...rounds].map(([waiters, results]) => ({
      waiters,
      acquisitions: results.reduce((sum, { acquisitions }) => sum + acquisitions, 0),
      figures: seriesOf(results.map(({ figures }) => figures)),
    }));
    return { rows, expiry: await expiry(bench) };
  },
};

function roundsFor({ settings }: Bench, waiters: number): number {
  return waiters < LARGE ? settings.rounds : Math.min(settings.rounds, LARGE_ROUNDS);
}

async function measure(
  bench: Bench,
  waiters: number,
): Promise<{ figures: CrowdFigures; acquisitions: number }> {
  const workers = [await bench.crews.recruit(bench.ours), await bench.crews.recruit(bench.ours)];
  const client = new LockClient(bench.server.url);
  try {
    const lock = await client.creator(NAME).acquire(120_000);
    const memoryBefore = await bench.server.memoryBytes();
    const share = waiters / PROCESSES;
    const joined = await Promise.all(
      workers.map((worker) => worker.run('join', { name: NAME, waiters: share }, JOIN_TIMEOUT_MS)),
    );
    const memory = (await bench.server.memoryBytes()) - memoryBefore;
    await lock.release();
    const { result, times } = await bench.server.timeScripts(() => pass(workers));
    const counted = await bench.server.record(() => pass(workers));
    const heapBytes = joined.reduce((sum, { heapBytesPerWaiter }) => sum + heapBytesPerWaiter, 0) / PROCESSES;
    const latency = Durations.of(nextGrants(result)).percentiles();
    const acquisitions = releases(counted.result);
    return {
      acquisitions,
      figures: {
        releaseScriptUs: trimmedMean(times.get(scripts.release.sha) ?? []),
        handoffP50: latency.p50,
        handoffP99: latency.p99,
        commandsPerAcquisition: counted.commands.length / acquisitions,
        heapBytes,
        redisBytes: memory / waiters,
      },
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await client.close({ release: false });
  }
}

/** Everybody who is granted releases and lines up again, for a while. */
function pass(workers: readonly Worker[]): Promise<PassResult[]> {
  const startAtUs = nowUs() + LEAD_MS * 1_000;
  const untilUs = startAtUs + PASS_MS * 1_000;
  return Promise.all(workers.map((worker) => worker.run('pass', { startAtUs, untilUs })));
}

function releases(results: readonly PassResult[]): number {
  return results.reduce((sum, { released }) => sum + released.length, 0);
}

async function expiry(bench: Bench): Promise<CrowdResult['expiry']> {
  const where = `${EXPIRING} waiters time out`;
  const result = await bench.attempt(bench.ours, 'crowd', where, async () => {
    const worker = await bench.crews.recruit(bench.ours);
    const client = new LockClient(bench.server.url);
    try {
      await client.creator(NAME).acquire(120_000);
      const params = { name: NAME, waiters: EXPIRING, waitMs: EXPIRY_MS };
      return { waiters: EXPIRING, ...(await worker.run('expire', params, JOIN_TIMEOUT_MS)) };
    } finally {
      await worker.stop();
      await client.close({ release: false });
      await bench.server.flush();
    }
  });
  return result ?? null;
}

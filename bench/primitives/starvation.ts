import { setTimeout as pause } from 'node:timers/promises';
import { LockClient } from '../../src/index.ts';
import type { Bench } from '../bench.ts';
import { SHARES } from '../contestants/registry.ts';
import { nowUs } from '../measure/clock.ts';
import { rounded, type Series, series } from '../measure/series.ts';

const PROCESSES = 4;
const WORKERS = 5;
const HOLD_MS = 1;
const MEASURE_MS = 600;
const LEAD_MS = 20;
const APART_MS = 25;
const TTL_MS = 30_000;
/** Who asks so long after somebody else has certainly asked later, by the server's clock, too. */
const ORDER_MARGIN_US = 20_000;

/** Requests for all units of a semaphore in a rush of requests for one. */
export interface Starvation {
  readonly capacity: number;
  readonly small: number;
  readonly big: number;
  /** How many small requests were granted before a big one that had certainly been asked before them. */
  readonly overtakes: number;
  /** Waits of the big ones, in µs. */
  readonly waitUs: Series;
}

export async function measureStarvation(bench: Bench): Promise<Starvation> {
  bench.progress.step('primitives: big requests among small ones');
  const crew = await bench.crews.muster(SHARES.permits, PROCESSES);
  const client = new LockClient(bench.server.url);
  const capacity = 5;
  const name = 'rush';
  const semaphore = client.semaphore(name, capacity);
  const big: { asked: number; granted: number }[] = [];
  try {
    const startAtUs = nowUs() + LEAD_MS * 1_000;
    const untilUs = startAtUs + MEASURE_MS * bench.settings.rounds * 1_000;
    const params = { name, workers: WORKERS, holdMs: HOLD_MS, thinkMs: 0, startAtUs, untilUs };
    const rush = crew.map((worker) =>
      worker.run('contend', params, MEASURE_MS * bench.settings.rounds + TTL_MS),
    );
    while (nowUs() < untilUs) {
      await pause(APART_MS);
      const asked = nowUs();
      const lock = await semaphore.acquire(TTL_MS, TTL_MS, { units: capacity });
      big.push({ asked, granted: nowUs() });
      await lock.release();
    }
    const small = (await Promise.all(rush)).flatMap(({ asked, granted }) =>
      asked.map((at, index) => ({ asked: at, granted: granted[index] ?? Number.NaN })),
    );
    const overtakes = big.reduce((sum, one) => {
      const overtaking = small.filter(
        (other) => other.asked > one.asked + ORDER_MARGIN_US && other.granted < one.granted,
      );
      return sum + overtaking.length;
    }, 0);
    const waits = big.map(({ asked, granted }) => rounded(granted - asked));
    return { capacity, small: small.length, big: big.length, overtakes, waitUs: series(waits) };
  } finally {
    await client.close();
    await bench.server.flush();
  }
}

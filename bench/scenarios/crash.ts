import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant } from '../contestants/contestant.ts';
import type { Worker } from '../crew/crews.ts';
import { type Series, series } from '../measure/series.ts';
import type { Scenario } from './scenario.ts';

export interface CrashRow {
  readonly contestant: string;
  /** From the end of the TTL to the next holder, in ms, one value for each name. */
  readonly lateMs: Series;
}

export interface CrashResult {
  readonly names: number;
  readonly ttlMs: number;
  readonly rows: readonly CrashRow[];
}

const NAMES = 10;
export const CRASH_TTL_MS = 2_000;
/** So the names' TTLs end at instants of their own. */
const APART_MS = 37;
/** The slowest look every 10 s. */
const WAIT_MS = 15_000;

/** A holder is killed: when does the next one get the lock? Nobody works meanwhile, so all crash side by side. */
export const crash: Scenario<CrashResult> = {
  title: 'crash',
  steps: ({ contestants }) => contestants.length,
  run: async (bench) => {
    const prepared: { contestant: Contestant; holder: Worker; waiter: Worker }[] = [];
    for (const contestant of bench.contestants) {
      const holder = await bench.crews.recruit(contestant);
      prepared.push({ contestant, holder, waiter: await bench.crews.recruit(contestant) });
    }
    const crashes = prepared.map(({ contestant, holder, waiter }) => crashOf(contestant, holder, waiter));
    await Promise.allSettled(crashes);
    const rows: CrashRow[] = [];
    for (const [index, { contestant }] of prepared.entries()) {
      const crashed = crashes[index] ?? Promise.reject(new Error('it never began'));
      const lateMs = await bench.attempt(contestant, 'crash', 'SIGKILL', () => crashed);
      if (lateMs) rows.push({ contestant: contestant.id, lateMs: series(lateMs) });
    }
    await Promise.all(prepared.flatMap(({ holder, waiter }) => [holder.stop(), waiter.stop()]));
    await bench.server.flush();
    return { names: NAMES, ttlMs: CRASH_TTL_MS, rows };
  },
};

/** How long after the TTL of a killed holder the next one got the lock, in ms, for each of the names. */
export async function crashOf({ id }: Contestant, holder: Worker, waiter: Worker): Promise<number[]> {
  const names = Array.from({ length: NAMES }, (_, i) => `crash:${id}:${i}`);
  const params = { names, ttlMs: CRASH_TTL_MS, waitMs: WAIT_MS };
  const held = await holder.run('grab', { ...params, apartMs: APART_MS });
  const next = waiter.run('grab', { ...params, apartMs: 0 }, WAIT_MS + 5_000);
  await pause(100); // The waiters are in line before the holder goes.
  holder.kill();
  const { grantedUs } = await next;
  return grantedUs.map((instant, i) => (instant - (held.grantedUs[i] ?? Number.NaN)) / 1_000 - CRASH_TTL_MS);
}

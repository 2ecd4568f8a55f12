import type { Bench } from '../bench.ts';
import { SHARES } from '../contestants/registry.ts';
import { rounded, type Series, series } from '../measure/series.ts';
import { CRASH_TTL_MS, crashOf } from '../scenarios/crash.ts';

/** What comes after a leader that was killed. */
export interface Succession {
  readonly elections: number;
  readonly ttlMs: number;
  /** From the end of the TTL to the next leader, in ms, one value for each election. */
  readonly lateMs: Series;
}

export async function measureSuccession(bench: Bench): Promise<Succession> {
  bench.progress.step('primitives: killed leaders');
  const [leader, candidate] = [
    await bench.crews.recruit(SHARES.leaders),
    await bench.crews.recruit(SHARES.leaders),
  ];
  const lateMs = await crashOf(SHARES.leaders, leader, candidate);
  await Promise.all([leader.stop(), candidate.stop()]);
  await bench.server.flush();
  return { elections: lateMs.length, ttlMs: CRASH_TTL_MS, lateMs: series(lateMs.map(rounded)) };
}

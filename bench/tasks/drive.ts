import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Connection } from '../contestants/contestant.ts';
import type { DriveParams, DriveResult } from '../crew/protocol.ts';
import { nowUs } from '../measure/clock.ts';
import { Durations, type Percentiles } from '../measure/percentiles.ts';

const TTL_MS = 30_000;
const WAIT_MS = 3_000;

/**
 * Acquires and releases free locks, `inFlight` pairs at a time. Halves of pairs are counted as they end: with many in
 * flight pairs take long and end in bursts, and whole ones would be cut off at both ends of the window.
 */
export async function drive(connection: Connection, params: DriveParams): Promise<DriveResult> {
  const latency = new Durations();
  const measureFrom = nowUs() + params.warmUpMs * 1_000;
  const until = measureFrom + params.measureMs * 1_000;
  let cpuBefore: NodeJS.CpuUsage | undefined;
  const isMeasured = (instant: number): boolean => instant >= measureFrom && instant < until;
  let halves = 0;
  const loop = async (name: string): Promise<void> => {
    for (let before = nowUs(); before < until; ) {
      const lease = await connection.acquire(name, TTL_MS, WAIT_MS);
      if (isMeasured(nowUs())) {
        cpuBefore ??= process.cpuUsage();
        halves += 1;
      }
      await lease.release();
      const after = nowUs();
      if (isMeasured(after)) {
        halves += 1;
        latency.add(after - before);
      }
      before = after;
    }
  };
  await Promise.all(Array.from({ length: params.inFlight }, (_, i) => loop(`${params.prefix}:${i}`)));
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    pairsPerSecond: halves / 2 / (params.measureMs / 1_000),
    cpuUs: (user + system) / (halves / 2),
    latency: latency.percentiles(),
  };
}

export async function ping(
  redis: Redis,
  { measureMs, pauseMs = 0 }: { measureMs: number; pauseMs?: number },
): Promise<Percentiles> {
  const roundTrips = new Durations();
  const until = nowUs() + measureMs * 1_000;
  for (let before = nowUs(); before < until; before = nowUs()) {
    await redis.ping();
    roundTrips.add(nowUs() - before);
    if (pauseMs > 0) await pause(pauseMs);
  }
  return roundTrips.percentiles();
}

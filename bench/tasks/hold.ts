import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../contestants/contestant.ts';
import type { ObserveResult, ParamsOf, ResultOf } from '../crew/protocol.ts';
import { cpuUs, nowUs } from '../measure/clock.ts';

/** Locks taken at once by one process. */
const BATCH = 500;

let failed = 0;
let firstError: string | null = null;

function note(error: unknown): void {
  failed += 1;
  firstError ??= error instanceof Error ? error.message : String(error);
}

/** Starts waiters for a lock that somebody else holds, and leaves them to it. */
export async function park(connection: Connection, params: ParamsOf<'park'>): Promise<ResultOf<'park'>> {
  const { name, waiters, ttlMs, waitMs } = params;
  const granted = (): void => note('granted although somebody holds it');
  for (let i = 0; i < waiters; i++) connection.acquire(name, ttlMs, waitMs).then(granted, note);
  await connection.settle?.(name);
  return { cpuUs: cpuUs() };
}

export async function look(): Promise<ResultOf<'look'>> {
  return { cpuUs: cpuUs(), failed, error: firstError };
}

/** Takes locks, asking for one after the other without waiting for the one before, and tells when it got each. */
export async function grab(connection: Connection, params: ParamsOf<'grab'>): Promise<ResultOf<'grab'>> {
  const { names, ttlMs, waitMs, apartMs } = params;
  const grants: Promise<number>[] = [];
  for (const name of names) {
    const grant = connection.acquire(name, ttlMs, waitMs).then(() => nowUs());
    grant.catch(() => {}); // Awaited below, in its turn.
    grants.push(grant);
    if (apartMs > 0) await pause(apartMs);
  }
  return { grantedUs: await Promise.all(grants) };
}

export async function keep(connection: Connection, params: ParamsOf<'keep'>): Promise<ResultOf<'keep'>> {
  const { prefix, count, ttlMs } = params;
  const { hold } = connection;
  if (!hold) throw new Error('it cannot refresh automatically');
  for (let taken = 0; taken < count; taken += BATCH) {
    const names = Array.from({ length: Math.min(BATCH, count - taken) }, (_, i) => `${prefix}:${taken + i}`);
    await Promise.all(names.map((name) => hold.call(connection, name, ttlMs)));
  }
  return {};
}

export async function observe({ ms }: ParamsOf<'observe'>): Promise<ObserveResult> {
  const loopDelay = monitorEventLoopDelay({ resolution: 1 });
  loopDelay.enable();
  const [startedAt, cpuBefore] = [nowUs(), cpuUs()];
  await pause(ms);
  const [elapsedUs, cpu] = [nowUs() - startedAt, cpuUs() - cpuBefore];
  loopDelay.disable();
  return {
    cpuUs: cpu,
    elapsedUs,
    loopDelayP99Ms: loopDelay.percentile(99) / 1e6,
    loopDelayMaxMs: loopDelay.max / 1e6,
  };
}

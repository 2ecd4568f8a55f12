import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../contestants/contestant.ts';
import type { ContendParams, ContendResult } from '../crew/protocol.ts';
import { atUs, cpuUs, nowUs } from '../measure/clock.ts';

const TTL_MS = 30_000;
const WAIT_MS = 60_000;

/** `workers` loops of acquire, hold, release, think, until the time is up; who is in line then still gets its turn. */
export async function contend(connection: Connection, params: ContendParams): Promise<ContendResult> {
  const { name, workers, holdMs, thinkMs, startAtUs, untilUs } = params;
  const log = { asked: [], granted: [], released: [], fences: [] } as Omit<ContendResult, 'cpuUs'>;
  const work = async (): Promise<void> => {
    for (let asked = nowUs(); asked < untilUs; asked = nowUs()) {
      const lease = await connection.acquire(name, TTL_MS, WAIT_MS);
      const granted = nowUs();
      if (holdMs > 0) await pause(holdMs);
      const released = nowUs();
      const releasing = lease.release();
      log.asked.push(asked);
      log.granted.push(granted);
      log.released.push(released);
      if (lease.fencingToken !== undefined) log.fences.push(lease.fencingToken);
      await releasing;
      await think(thinkMs);
    }
  };
  await atUs(startAtUs);
  const cpuBefore = cpuUs();
  await Promise.all(Array.from({ length: workers }, work));
  return { ...log, cpuUs: cpuUs() - cpuBefore };
}

/** A uniform number of whole ms, since timers know no others; none at all is possible. */
async function think(longestMs: number): Promise<void> {
  const ms = Math.floor(Math.random() * (longestMs + 1));
  if (ms > 0) await pause(ms);
}

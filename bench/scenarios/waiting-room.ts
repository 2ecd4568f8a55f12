import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants/contestant.ts';
import type { Worker } from '../crew/crews.ts';
import { rounded } from '../measure/series.ts';
import type { Scenario } from './scenario.ts';

export interface WaitingRoomRow {
  readonly contestant: string;
  readonly seconds: number;
  readonly commandsPerSecond: number;
  /** Commands of a client process in the whole time. */
  readonly commandsPerClient: number;
  /** What the server read. */
  readonly bytesPerSecond: number;
  /** CPU time of all client processes and of the server, in ms per second. */
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
}

export interface WaitingRoomResult {
  readonly waiters: number;
  readonly processes: number;
  readonly rows: readonly WaitingRoomRow[];
}

const PROCESSES = 4;
const WAITERS = 1_000;
const TTL_MS = 30_000;
const WAIT_MS = 60_000;
/** Ours is watched for as long as the budget says; what polls does so from the first second on. */
const OURS_MS = 10_000;
const OTHERS_MS = 2_000;
const COUNT_MS = 500;
const SETTLE_MS = 500;

/** Many waiters for a lock that somebody keeps: what does waiting cost? */
export const waitingRoom: Scenario<WaitingRoomResult> = {
  title: 'waiting room',
  steps: ({ contestants }) => contestants.length,
  run: async (bench) => {
    const rows: WaitingRoomRow[] = [];
    for (const contestant of bench.contestants) {
      const where = `${WAITERS} waiters`;
      const row = await bench.attempt(contestant, 'waiting room', where, () => measure(bench, contestant));
      if (row) rows.push(row);
      // Nobody needs to wind them up.
      await bench.crews.discard(contestant);
      await bench.server.flush();
    }
    return { waiters: WAITERS, processes: PROCESSES, rows };
  },
};

async function measure(bench: Bench, contestant: Contestant): Promise<WaitingRoomRow> {
  const holder = await bench.crews.recruit(contestant);
  const name = `held:${contestant.id}`;
  try {
    await holder.run('grab', { names: [name], ttlMs: TTL_MS, waitMs: 1_000, apartMs: 0 });
    const crew = await bench.crews.muster(contestant, PROCESSES);
    const params = { name, waiters: WAITERS / PROCESSES, ttlMs: TTL_MS, waitMs: WAIT_MS };
    await Promise.all(crew.map((worker) => worker.run('park', params)));
    await pause(SETTLE_MS);
    const row = await watch(bench, contestant, crew);
    for (const worker of crew) {
      const { failed, error } = await worker.run('look', {});
      if (failed > 0) throw new Error(`${failed} waiters ended early: ${error}`);
    }
    return row;
  } finally {
    await holder.stop();
  }
}

async function watch(bench: Bench, contestant: Contestant, crew: readonly Worker[]): Promise<WaitingRoomRow> {
  const isOurs = contestant === bench.ours;
  const ms = bench.scaled(isOurs ? OURS_MS : OTHERS_MS);
  const clientCpu = async (): Promise<number> =>
    (await Promise.all(crew.map((worker) => worker.run('look', {})))).reduce(
      (sum, { cpuUs }) => sum + cpuUs,
      0,
    );
  const look = async () => {
    const cpuBefore = await clientCpu();
    const { used } = await bench.server.use(() => pause(ms));
    return { ...used, clientCpuUs: (await clientCpu()) - cpuBefore };
  };
  // What waits in silence can be counted while it is watched; what polls would be slowed by that.
  const watched = isOurs ? await bench.server.record(look) : { result: await look(), commands: undefined };
  const { result: used } = watched;
  const commands = watched.commands?.length ?? used.commands * (await shareOnTheWire(bench));
  const seconds = ms / 1_000;
  return {
    ...{ contestant: contestant.id, seconds },
    commandsPerSecond: rounded(commands / seconds),
    commandsPerClient: rounded(commands / crew.length),
    bytesPerSecond: rounded(used.inputBytes / seconds),
    clientCpuMs: rounded(used.clientCpuUs / 1_000 / seconds),
    serverCpuMs: rounded(used.cpuUs / 1_000 / seconds),
  };
}

/** The server counts what scripts call as commands, too: how many of them have come over the wire? */
async function shareOnTheWire(bench: Bench): Promise<number> {
  const { result, commands } = await bench.server.record(() => bench.server.use(() => pause(COUNT_MS)));
  return result.used.commands > 0 ? Math.min(1, commands.length / result.used.commands) : 1;
}

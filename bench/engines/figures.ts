import { setTimeout as pause } from 'node:timers/promises';
import { BARE, ENGINE } from '../contestants/registry.ts';
import type { Worker } from '../crew/crews.ts';
import { Crews } from '../crew/crews.ts';
import { nowUs } from '../measure/clock.ts';
import { byGrant, type Hold, handoffs, overlaps } from '../measure/holds.ts';
import { Durations, type Percentiles } from '../measure/percentiles.ts';
import { median, rounded } from '../measure/series.ts';
import type { Fleet } from './fleets.ts';
import { type Reading, readAll } from './meter.ts';

/** What the servers of an engine spend on one acquisition and its release, all of them together. */
export interface Cost {
  readonly cpuUs: number;
  readonly bytes: number;
  readonly requests: number;
  readonly messages: number;
}

/** Two processes that hand a lock to and fro, in µs. */
export interface HandoffFigures {
  readonly p50: number;
  readonly p99: number;
}

/** What was measured of one engine. */
export interface EngineFigures {
  readonly engine: string;
  /** PING to one of the servers, in the rhythm of the holds, p50 in µs; none on etcd. */
  readonly roundTripUs: number | null;
  /** Acquire and release of a free lock, one at a time, p50 in µs. */
  readonly uncontendedUs: number;
  readonly handoff: HandoffFigures;
  /** With 20 contenders. */
  readonly crowdHandoff: HandoffFigures;
  /** Free locks, one acquisition at a time: the servers wake up for each. */
  readonly alone: Cost;
  /** Free locks, several processes: servers that are busy spend less on each. */
  readonly uncontended: Cost;
  /** With 20 contenders. */
  readonly contended: Cost;
  /** A waiter, for each second in which nothing is handed over. */
  readonly waiterSecond: Cost;
  /** A held lock that refreshes itself, for each second, with a TTL of `KEPT_TTL_MS`. */
  readonly heldSecond: Cost;
  readonly bytesPerWaiter: number;
  readonly bytesPerHeldLock: number;
  /** Connections of one process that has only taken one free lock, and of one that waits for it. */
  readonly connections: { readonly taking: number; readonly waiting: number };
  readonly overlaps: number;
}

export interface Measuring {
  readonly rounds: number;
  readonly measureMs: number;
}

const HOLD_MS = 1;
const LEAD_MS = 50;
/** Long enough for the last of those who wait to be in line, and for tables that have grown to be tidied. */
const SETTLE_MS = 500;
const DRAIN_MS = 20_000;
const TAKERS = 4;
export const IN_FLIGHT = 4;
const WAITERS = 2_000;
const HELD = 2_000;
const TTL_MS = 60_000;
const KEPT = 500;
/** Refreshed, and on etcd also waited for with a sign of life, at a third of it. */
export const KEPT_TTL_MS = 3_000;

/** Measures one engine on servers that nobody else uses. */
export async function measureEngine(
  engine: string,
  fleet: Fleet,
  measuring: Measuring,
): Promise<EngineFigures> {
  const crews = new Crews(fleet.url);
  try {
    const idle = await readAll(fleet.meters);
    const connections = async () => (await readAll(fleet.meters)).connections - idle.connections;
    const [first] = await crews.muster(ENGINE, 1);
    if (!first) throw new Error('no worker');
    // Scripts are loaded, code is warm.
    await drive(first, 'free', 1, measuring.measureMs);
    let latency: Percentiles | undefined;
    const alone = await costOf(fleet, async () => {
      const one = await drive(first, 'free', 1, measuring.measureMs);
      latency = one.latency;
      return one.pairs;
    });
    const taking = await connections();
    await first.run('grab', { names: ['free:0'], ttlMs: TTL_MS, waitMs: TTL_MS, apartMs: 0 });
    await first.run('park', { name: 'free:0', waiters: 1, ttlMs: TTL_MS, waitMs: TTL_MS });
    const waiting = await connections();
    const bytesPerHeldLock = await growth(fleet, HELD, () =>
      first.run('grab', { names: names(HELD), ttlMs: TTL_MS, waitMs: TTL_MS, apartMs: 0 }, DRAIN_MS),
    );
    await pause(SETTLE_MS);
    const bytesPerWaiter = await growth(fleet, WAITERS, () =>
      first.run('park', { name: 'held:0', waiters: WAITERS, ttlMs: KEPT_TTL_MS, waitMs: TTL_MS }, DRAIN_MS),
    );
    const waiterSecond = await costOf(fleet, () => pauseFor(KEPT_TTL_MS, WAITERS));
    await crews.discard(ENGINE);
    const [keeper] = await crews.muster(ENGINE, 1);
    await keeper?.run('keep', { prefix: 'kept', count: KEPT, ttlMs: KEPT_TTL_MS }, DRAIN_MS);
    const heldSecond = await costOf(fleet, () => pauseFor(KEPT_TTL_MS, KEPT));
    await crews.discard(ENGINE);
    const uncontended = await costOfFree(crews, fleet, measuring.measureMs * 2);
    // Whose waiters end when their process does.
    await crews.discard(ENGINE);
    // New processes have cold code.
    await contend(crews, 4, 5, measuring.measureMs * 3);
    const rounds: Contended[] = [];
    for (let round = 0; round < measuring.rounds; round++)
      rounds.push(await contend(crews, 2, 1, measuring.measureMs));
    let crowd: Contended | undefined;
    const contended = await costOf(fleet, async () => {
      crowd = await contend(crews, 4, 5, measuring.measureMs * 2);
      return crowd.holds;
    });
    return {
      engine,
      roundTripUs: await roundTrip(fleet, measuring.measureMs),
      uncontendedUs: rounded(latency?.p50 ?? Number.NaN),
      handoff: { p50: middle(rounds, 'p50'), p99: middle(rounds, 'p99') },
      crowdHandoff: { p50: middle(crowd ? [crowd] : [], 'p50'), p99: middle(crowd ? [crowd] : [], 'p99') },
      alone,
      uncontended,
      contended,
      waiterSecond,
      heldSecond,
      bytesPerWaiter,
      bytesPerHeldLock,
      connections: { taking, waiting },
      overlaps: [...rounds, ...(crowd ? [crowd] : [])].reduce((sum, each) => sum + each.overlaps, 0),
    };
  } finally {
    await crews.close();
  }
}

/** Several processes with a few acquisitions under way each: a busy server spends less on each than an idle one. */
async function costOfFree(crews: Crews, fleet: Fleet, measureMs: number): Promise<Cost> {
  const crew = await crews.muster(ENGINE, TAKERS);
  const work = async (ms: number) => {
    const driven = await Promise.all(
      crew.map((worker, index) => drive(worker, `free:${index}`, IN_FLIGHT, ms)),
    );
    return driven.reduce((sum, { pairs }) => sum + pairs, 0);
  };
  await work(measureMs / 4);
  return costOf(fleet, () => work(measureMs));
}

interface Contended {
  readonly latency: Percentiles;
  readonly holds: number;
  readonly overlaps: number;
}

export async function contend(
  crews: Crews,
  processes: number,
  workers: number,
  measureMs: number,
  name = `contended:${processes}`,
): Promise<Contended> {
  const crew = await crews.muster(ENGINE, processes);
  const startAtUs = nowUs() + LEAD_MS * 1_000;
  const untilUs = startAtUs + measureMs * 1_000;
  const params = { name, workers, holdMs: HOLD_MS, thinkMs: 0, startAtUs, untilUs };
  const results = await Promise.all(
    crew.map((worker) => worker.run('contend', params, measureMs + DRAIN_MS)),
  );
  const holds = results.flatMap(({ asked, granted, released, fences }, process) =>
    asked.map((at, i): Hold => {
      const fence = fences[i];
      const times = { asked: at, granted: granted[i] ?? Number.NaN, released: released[i] ?? Number.NaN };
      return { ...times, process, ...(fence === undefined ? {} : { fence }) };
    }),
  );
  const { byTime, byFence } = overlaps(holds);
  const latency = Durations.of(handoffs(byGrant(holds))).percentiles();
  return { latency, holds: holds.length, overlaps: byTime + byFence };
}

/** Pairs of acquire and release, `inFlight` at a time. */
export async function drive(worker: Worker, prefix: string, inFlight: number, measureMs: number) {
  const result = await worker.run(
    'drive',
    { prefix, inFlight, warmUpMs: 0, measureMs },
    measureMs + DRAIN_MS,
  );
  return { latency: result.latency, pairs: (result.pairsPerSecond * measureMs) / 1_000 };
}

/** What `work` costs the servers, for each of the acquisitions that it says it has made. */
export async function costOf(fleet: Fleet, work: () => Promise<number>): Promise<Cost> {
  const before = await readAll(fleet.meters);
  const acquisitions = await work();
  return costBetween(before, await readAll(fleet.meters), acquisitions);
}

export function costBetween(before: Reading, after: Reading, acquisitions: number): Cost {
  const each = (field: keyof Reading) => rounded((after[field] - before[field]) / acquisitions);
  return {
    cpuUs: each('cpuUs'),
    bytes: each('bytes'),
    requests: each('requests'),
    messages: each('messages'),
  };
}

/** Waits; answers how many seconds that was for all of so many. */
async function pauseFor(ms: number, count: number): Promise<number> {
  await pause(ms);
  return (count * ms) / 1_000;
}

/** By how much the memory of the servers grows with each of so many. */
async function growth(fleet: Fleet, count: number, work: () => Promise<unknown>): Promise<number> {
  const before = await readAll(fleet.meters);
  await work();
  await pause(SETTLE_MS);
  const after = await readAll(fleet.meters);
  return rounded((after.memoryBytes - before.memoryBytes) / count);
}

/** After the same pause as a release, since who has slept takes longer. */
export async function roundTrip(
  { bareUrl }: Pick<Fleet, 'bareUrl'>,
  measureMs: number,
): Promise<number | null> {
  if (bareUrl === undefined) return null;
  const crews = new Crews(bareUrl);
  try {
    const [worker] = await crews.muster(BARE, 1);
    const params = { measureMs, pauseMs: HOLD_MS };
    await worker?.run('ping', params);
    return rounded((await worker?.run('ping', params))?.p50 ?? Number.NaN);
  } finally {
    await crews.close();
  }
}

function middle(rounds: readonly Contended[], percentile: 'p50' | 'p99'): number {
  return rounded(median(rounds.map(({ latency }) => latency[percentile])));
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `held:${index}`);
}

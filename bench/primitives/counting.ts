import { LockClient } from '../../src/index.ts';
import { until } from '../../test/support/wait.ts';
import type { Bench } from '../bench.ts';
import { SHARES } from '../contestants/registry.ts';
import type { CountResult } from '../crew/protocol.ts';
import { nowUs } from '../measure/clock.ts';
import { median, rounded, type Series, series } from '../measure/series.ts';
import { hops } from '../scenarios/hops.ts';

const PROCESSES = 4;
const CONSUMERS = 250;
const ITEMS = 100;
const TTL_MS = 60_000;

/** A batch that many consumers count down, and what it cost. */
export interface Counting {
  readonly consumers: number;
  readonly processes: number;
  readonly items: number;
  /** What was left at the end, the most of all rounds. */
  readonly left: number;
  /** How many decrements were told to be the last one, the most of all rounds. */
  readonly lasts: number;
  readonly itemsPerSecond: Series;
  readonly commandsPerItem: Series;
  /** From the call of the last decrement until the last of those who wait was told, in µs. */
  readonly toldUs: Series;
  /** The same with nothing else to do, over a bare PUBLISH → message hop. */
  readonly toldOverHop: number;
}

/** How often somebody is told of a last decrement with nothing else to do. */
const QUIET = 40;
const HOP_MS = 600;

export async function measureCounting(bench: Bench): Promise<Counting> {
  const crew = await bench.crews.muster(SHARES.permits, PROCESSES);
  const client = new LockClient(bench.server.url);
  const items = PROCESSES * CONSUMERS * ITEMS;
  const rounds: { left: number; results: readonly CountResult[]; scripts: number; seconds: number }[] = [];
  try {
    for (let round = 0; round < bench.settings.rounds; round++) {
      bench.progress.step(`primitives: ${items} items counted down`);
      const name = `batch:${round}`;
      const counter = client.counter(name, { ttl: TTL_MS });
      await counter.set(items);
      const startedAt = performance.now();
      const params = { name, consumers: CONSUMERS, items: ITEMS, ttlMs: TTL_MS };
      const { result: results, used } = await bench.server.use(() =>
        Promise.all(crew.map((worker) => worker.run('count', params, TTL_MS))),
      );
      const seconds = (performance.now() - startedAt) / 1_000;
      rounds.push({ left: await counter.get(), results, scripts: used.scripts, seconds });
    }
  } finally {
    await client.close();
    await bench.server.flush();
  }
  const hop = await hops(bench, { processes: 2, holdMs: 0, measureMs: HOP_MS });
  return {
    consumers: PROCESSES * CONSUMERS,
    processes: PROCESSES,
    items,
    left: Math.max(...rounds.map(({ left }) => left)),
    lasts: Math.max(...rounds.map(({ results }) => results.reduce((sum, { lasts }) => sum + lasts, 0))),
    itemsPerSecond: series(rounds.map(({ seconds }) => rounded(items / seconds))),
    commandsPerItem: series(rounds.map(({ scripts }) => rounded(scripts / items))),
    toldUs: series(rounds.map(({ results }) => rounded(untilTold(results)))),
    toldOverHop: rounded((await quietEnd(bench)) / hop.p50),
  };
}

/** The median time from the call of a last decrement in one process until another that waits is told, in µs. */
async function quietEnd(bench: Bench): Promise<number> {
  const [worker] = await bench.crews.muster(SHARES.permits, 1);
  const client = new LockClient(bench.server.url);
  const waits: number[] = [];
  try {
    for (let round = 0; round < QUIET; round++) {
      const name = `quiet:${round}`;
      const counter = client.counter(name, { ttl: TTL_MS });
      await counter.set(1);
      const waiting = worker?.run('count', { name, consumers: 0, items: 0, ttlMs: TTL_MS });
      await until(async () => (await bench.server.listeners('counter')) > 0, { what: 'who waits' });
      const asked = nowUs();
      await counter.decrement();
      waits.push(((await waiting)?.toldUs ?? Number.NaN) - asked);
    }
  } finally {
    await client.close();
    await bench.server.flush();
  }
  return median(waits);
}

function untilTold(results: readonly CountResult[]): number {
  const asked = results.flatMap(({ lastAskedUs }) => lastAskedUs ?? []);
  return Math.max(...results.map(({ toldUs }) => toldUs)) - Math.max(...asked);
}

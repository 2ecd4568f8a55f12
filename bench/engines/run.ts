import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ENGINE } from '../contestants/registry.ts';
import { Crews } from '../crew/crews.ts';
import { rounded } from '../measure/series.ts';
import { startProgress } from '../progress.ts';
import { REPORT_DIR } from '../reporting/files.ts';
import { describeHost, type Host } from '../reporting/machine.ts';
import {
  type Cost,
  contend,
  costBetween,
  drive,
  type EngineFigures,
  IN_FLIGHT,
  type Measuring,
  measureEngine,
} from './figures.ts';
import { clusterFleet, ENGINE_CASES } from './fleets.ts';
import { readAll } from './meter.ts';

/** What the cost of a cluster of 3 says of a larger one, and what that came to. */
export interface ModelCheck {
  readonly masters: number;
  readonly processes: number;
  readonly uncontended: number;
  readonly contended: number;
  readonly predicted: Cost;
  readonly measured: Cost;
  readonly connections: { readonly predicted: number; readonly measured: number };
}

export interface EngineResults {
  readonly date: string;
  readonly machine: Host;
  readonly quick: boolean;
  readonly seconds: number;
  readonly engines: readonly EngineFigures[];
  readonly check: ModelCheck;
}

const FULL: Measuring = { rounds: 5, measureMs: 1_000 };
const QUICK: Measuring = { rounds: 1, measureMs: 400 };
const FILE = new URL('engines.json', REPORT_DIR);
const FITTED_ON = 'Redis Cluster, 3 masters';

/** Masters and client processes of the cluster that the model is checked on. */
const CHECK = { masters: 6, processes: 50, names: 5, measureMs: 4_000 };

/** Measures every engine on servers of its own, one after the other, and checks the cost model. */
export async function measureEngines(quick: boolean): Promise<EngineResults> {
  const startedAt = performance.now();
  const measuring = quick ? QUICK : FULL;
  const progress = startProgress();
  progress.expect(ENGINE_CASES.length + 1);
  try {
    const engines: EngineFigures[] = [];
    for (const { id, start } of ENGINE_CASES) {
      progress.step(`engines: ${id}`);
      const fleet = await start();
      try {
        engines.push(await measureEngine(id, fleet, measuring));
      } finally {
        await fleet.stop();
      }
    }
    progress.step(`engines: the model, on ${CHECK.masters} masters and ${CHECK.processes} processes`);
    const fitted = engines.find(({ engine }) => engine === FITTED_ON);
    if (!fitted) throw new Error('nothing to predict from');
    const check = await checkModel(fitted, quick ? 10 : CHECK.processes);
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      date: new Date().toISOString(),
      machine: describeHost(),
      quick,
      seconds: rounded(seconds),
      engines,
      check,
    };
  } finally {
    progress.stop();
  }
}

export function writeEngines(results: EngineResults): void {
  mkdirSync(REPORT_DIR, { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
}

/** The committed run, if there is one. */
export function readEngines(): EngineResults | undefined {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as EngineResults) : undefined;
}

/**
 * What is said of a cluster of another size, with many times as many processes, before it is looked at: requests that come
 * one by one, as servers see them that share a machine with so many clients. Half of the processes take free locks, half compete for a few, on a cluster of another size than that of which the
 * costs are known.
 */
async function checkModel(fitted: EngineFigures, processes: number): Promise<ModelCheck> {
  const { masters, names, measureMs } = CHECK;
  const fleet = await clusterFleet(masters);
  const crews = new Crews(fleet.url);
  try {
    const idle = await readAll(fleet.meters);
    const takers = await crews.muster(ENGINE, processes / 2);
    const rivals = Array.from({ length: names }, () => new Crews(fleet.url));
    try {
      const each = processes / 2 / names;
      for (const crew of rivals) await crew.muster(ENGINE, each);
      const work = async (ms: number) => {
        const [free, wanted] = await Promise.all([
          Promise.all(takers.map((worker, index) => drive(worker, `taker:${index}`, IN_FLIGHT, ms))),
          Promise.all(rivals.map((crew, index) => contend(crew, each, 2, ms, `rival:${index}`))),
        ]);
        return {
          uncontended: Math.round(free.reduce((sum, { pairs }) => sum + pairs, 0)),
          contended: wanted.reduce((sum, { holds }) => sum + holds, 0),
        };
      };
      // Connections are made, scripts loaded, inboxes opened.
      await work(measureMs / 4);
      const before = await readAll(fleet.meters);
      const { uncontended, contended } = await work(measureMs);
      const after = await readAll(fleet.meters);
      const share = uncontended / (uncontended + contended);
      const mix = (field: keyof Cost) =>
        rounded(fitted.alone[field] * share + fitted.contended[field] * (1 - share));
      return {
        ...{ masters, processes, uncontended, contended },
        predicted: {
          cpuUs: mix('cpuUs'),
          bytes: mix('bytes'),
          requests: mix('requests'),
          messages: mix('messages'),
        },
        measured: costBetween(before, after, uncontended + contended),
        connections: {
          predicted: predictConnections(fitted, masters, processes),
          measured: after.connections - idle.connections,
        },
      };
    } finally {
      await Promise.all(rivals.map((crew) => crew.close()));
    }
  } finally {
    await crews.close();
    await fleet.stop();
  }
}

/** A process has a connection to each master of a name that it uses; who waits for a lock listens on one more. */
function predictConnections(fitted: EngineFigures, masters: number, processes: number): number {
  const { taking, waiting } = fitted.connections;
  const touched = (names: number) => masters * (1 - (1 - 1 / masters) ** names);
  const others = taking - touched(1);
  const half = processes / 2;
  return Math.round(half * (touched(IN_FLIGHT) + others) + half * (touched(1) + others + waiting - taking));
}

import { figure } from '../reporting/format.ts';
import type { Table } from '../reporting/table.ts';
import { type EngineFigures, KEPT_TTL_MS } from './figures.ts';
import type { EngineResults } from './run.ts';

/** A service past one machine. */
const SERVICE = { processes: 10_000, held: 1_000_000, perSecond: 1_000_000, ttlMs: 30_000 };
/** How busy a server may be. */
const LOAD = 0.5;

/** What a service of 10 000 processes needs, by the figures of each engine. */
export function needsTable({ engines }: EngineResults): Table {
  return {
    title: `${figure(SERVICE.processes)} processes, ${figure(SERVICE.held)} locks held, ${figure(SERVICE.perSecond)} acquisitions a second`,
    head: [
      '',
      'cores to acquire and release',
      'cores to refresh',
      'at half load',
      'network, Gbit/s',
      'memory of what is held, GB',
    ],
    rows: engines.map((each) => [each.engine, ...needs(each).map((value) => figure(value))]),
  };
}

function needs(engine: EngineFigures): number[] {
  const acquiring = (SERVICE.perSecond * engine.uncontended.cpuUs) / 1e6;
  // What was measured with a short TTL; a longer one is refreshed as many times less often.
  const refreshing = (SERVICE.held * engine.heldSecond.cpuUs * (KEPT_TTL_MS / SERVICE.ttlMs)) / 1e6;
  return [
    acquiring,
    refreshing,
    (acquiring + refreshing) / LOAD,
    (SERVICE.perSecond * engine.uncontended.bytes * 8) / 1e9,
    (SERVICE.held * engine.bytesPerHeldLock) / 1e9,
  ];
}

import { figure } from '../reporting/format.ts';
import { type Table, toMarkdown } from '../reporting/table.ts';
import type { Cost } from './figures.ts';
import { needsTable } from './needs.ts';
import type { EngineResults } from './run.ts';

/** What an acquisition takes, engine by engine. */
export function latencyTable({ engines }: EngineResults): Table {
  return {
    title: 'Engines: latencies, and messages of an acquisition and its release',
    head: [
      '',
      'free lock, ms',
      'handoff p50 / p99, ms',
      'handoff over a PING',
      'of 20 contenders, p50, ms',
      'requests, free / contended',
      'messages, free / contended',
    ],
    rows: engines.map((each) => [
      each.engine,
      ms(each.uncontendedUs),
      `${ms(each.handoff.p50)} / ${ms(each.handoff.p99)}`,
      each.roundTripUs === null ? '–' : `${figure(each.handoff.p50 / each.roundTripUs)} ×`,
      ms(each.crowdHandoff.p50),
      `${figure(each.uncontended.requests)} / ${figure(each.contended.requests)}`,
      `${figure(each.uncontended.messages)} / ${figure(each.contended.messages)}`,
    ]),
  };
}

/** What an acquisition, a waiter and a held lock cost the servers, all of them together. */
export function costTable({ engines }: EngineResults): Table {
  return {
    title: 'Engines: what the servers spend, all of them together',
    head: [
      '',
      'CPU µs of a free lock, alone / busy',
      'CPU µs, contended',
      'bytes, free / contended',
      'CPU µs of a held lock each s',
      'requests of a waiter each s',
      'memory of a waiter, B',
      'of a held lock, B',
      'connections of a client, taking / waiting',
    ],
    rows: engines.map((each) => [
      each.engine,
      `${figure(each.alone.cpuUs)} / ${figure(each.uncontended.cpuUs)}`,
      figure(each.contended.cpuUs),
      `${figure(each.uncontended.bytes)} / ${figure(each.contended.bytes)}`,
      figure(each.heldSecond.cpuUs),
      figure(each.waiterSecond.requests),
      figure(each.bytesPerWaiter),
      figure(each.bytesPerHeldLock),
      `${each.connections.taking} / ${each.connections.waiting}`,
    ]),
  };
}

/** How well the costs of one cluster predict those of another. */
export function checkTable({ check }: EngineResults): Table {
  const row = (name: string, field: keyof Cost) => line(name, check.predicted[field], check.measured[field]);
  return {
    title: `The cost model on ${check.masters} masters and ${check.processes} processes`,
    head: ['of an acquisition', 'predicted', 'measured', 'measured / predicted'],
    rows: [
      row('CPU of the servers, µs', 'cpuUs'),
      row('bytes', 'bytes'),
      row('requests', 'requests'),
      row('messages', 'messages'),
      line('connections, in all', check.connections.predicted, check.connections.measured),
    ],
  };
}

export function enginesSection(results: EngineResults): string {
  return `${where(results)}\n\n${toMarkdown(latencyTable(results))}`;
}

export function scaleSection(results: EngineResults): string {
  const { check } = results;
  return [
    where(results),
    toMarkdown(costTable(results)),
    `Fitted on the cluster of 3, checked on one of ${check.masters} masters with ${check.processes} client processes, in ` +
      `${figure(check.uncontended)} acquisitions of free locks and ${figure(check.contended)} of wanted ones:`,
    toMarkdown(checkTable(results)),
    'What 10 000 processes, 1 000 000 locks held with a TTL of 30 s and refreshed at a third of it, and 1 000 000 acquisitions ' +
      'of free locks a second need by these figures, each engine by itself, if only it could be spread:',
    toMarkdown(needsTable(results)),
  ].join('\n\n');
}

function where({ machine, date, engines }: EngineResults): string {
  const overlaps = engines.reduce((sum, each) => sum + each.overlaps, 0);
  return (
    `\`npm run bench -- engines\`, ${date.slice(0, 10)}, servers and clients together on ${machine.cores} cores of ` +
    `${machine.cpu}, Node.js ${machine.node}; overlapping holds: ${overlaps}.`
  );
}

function line(name: string, predicted: number, measured: number): string[] {
  return [name, figure(predicted), figure(measured), figure(measured / predicted)];
}

function ms(us: number): string {
  return figure(us / 1_000);
}

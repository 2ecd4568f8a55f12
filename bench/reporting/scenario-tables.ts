import type { Failure } from '../bench.ts';
import { BARE, BARE_AWAKE, BARE_HANDOFF, CONTESTANTS } from '../contestants/registry.ts';
import type { ScenarioResults } from '../results.ts';
import type { LimitResult } from '../scenarios/limit.ts';
import type { UncontendedResult, UncontendedRow } from '../scenarios/uncontended.ts';
import { contentionTables } from './contention-tables.ts';
import { figure, spread } from './format.ts';
import type { Table } from './table.ts';

const ROUNDS = 'Medians of the rounds, with the lowest and the highest.';

/** The tables of all scenarios that have run, in their order. */
export function scenarioTables(scenarios: Partial<ScenarioResults>, failures: readonly Failure[]): Table[] {
  const { limit, uncontended, handoff, crowd, crash } = scenarios;
  return [
    ...(limit ? limitTables(limit) : []),
    ...(uncontended ? uncontendedTables(uncontended) : []),
    ...(handoff ? contentionTables(handoff) : []),
    ...restingTables(scenarios),
    ...(crowd ? crowdTables(crowd) : []),
    ...(crash ? crashTables(crash) : []),
    ...(failures.length > 0 ? [failureTable(failures)] : []),
  ];
}

function limitTables({ ping, pairs, hops }: LimitResult): Table[] {
  const latencies = [
    ['PING', spread(ping.p50), spread(ping.p99)],
    ...hops.map(({ holdMs, latency }) => [
      `PUBLISH → message in another process, held ${holdMs} ms there`,
      spread(latency.p50),
      spread(latency.p99),
    ]),
  ];
  return [
    { title: 'Limit: latencies, µs', head: ['', 'p50', 'p99'], rows: latencies, note: ROUNDS },
    {
      title: 'Limit: SET NX PX and a compare-and-delete script, pairs per second',
      head: ['in flight', 'plain', 'auto-pipelining'],
      rows: [...new Set(pairs.map(({ inFlight }) => inFlight))].map((level) => [
        figure(level),
        ...[false, true].map((autoPipelining) => {
          const pair = pairs.find(
            (each) => each.inFlight === level && each.autoPipelining === autoPipelining,
          );
          return pair ? spread(pair.perSecond) : figure(null);
        }),
      ]),
    },
  ];
}

/** Whatever order they were measured in. */
const RANKS = new Map(
  [BARE, BARE_AWAKE, BARE_HANDOFF, ...CONTESTANTS].map(({ id }, rank): [string, number] => [id, rank]),
);

function byContestant(a: UncontendedRow, b: UncontendedRow): number {
  const ranks = (RANKS.get(a.contestant) ?? 0) - (RANKS.get(b.contestant) ?? 0);
  return ranks || Number(a.autoPipelining) - Number(b.autoPipelining);
}

function uncontendedTables(result: UncontendedResult): Table[] {
  const rows = [...result.rows].sort(byContestant);
  const levels = [...new Set(rows.map(({ inFlight }) => inFlight))];
  const variants = new Map(
    rows.map((row) => [`${row.contestant}${row.autoPipelining ? ', auto-pipelining' : ''}`, row]),
  );
  const table = (title: string, show: (row: UncontendedRow) => string): Table => ({
    title,
    head: ['', ...levels.map((level) => `${figure(level)} in flight`)],
    rows: [...variants].map(([label, { contestant, autoPipelining }]) => [
      label,
      ...levels.map((level) => {
        const row = rows.find(
          (each) =>
            each.contestant === contestant &&
            each.autoPipelining === autoPipelining &&
            each.inFlight === level,
        );
        return row ? show(row) : figure(null);
      }),
    ]),
    note: ROUNDS,
  });
  return [
    table('Uncontended: pairs of acquire and release per second', ({ perSecond }) => spread(perSecond)),
    table('Uncontended: time of a pair, p50 / p99, µs', ({ latency }) => {
      return `${figure(latency.p50.median)} / ${figure(latency.p99.median)}`;
    }),
    table('Uncontended: CPU time of the client for a pair, µs', ({ cpuUs }) => figure(cpuUs.median)),
  ];
}

function restingTables(scenarios: Partial<ScenarioResults>): Table[] {
  const room = scenarios['waiting-room'];
  const names = scenarios['many-names'];
  const tables: Table[] = [];
  if (room) {
    tables.push({
      title: `Waiting room: ${figure(room.waiters)} waiters in ${room.processes} processes for a lock that is kept`,
      head: ['', 'watched, s', 'commands/s', 'bytes/s', 'client CPU, ms/s', 'server CPU, ms/s'],
      rows: room.rows.map((row) => [
        row.contestant,
        ...[row.seconds, row.commandsPerSecond, row.bytesPerSecond, row.clientCpuMs, row.serverCpuMs].map(
          figure,
        ),
      ]),
    });
  }
  if (names) {
    tables.push({
      title: `Many names: ${figure(names.locks)} locks kept by one process, TTL ${figure(names.ttlMs)} ms`,
      head: [
        '',
        'refreshes/s',
        'bytes/s',
        'client CPU, ms/s',
        'server CPU, ms/s',
        'loop delay p99, ms',
        'max',
      ],
      rows: names.rows.map((row) => [
        row.contestant,
        ...[row.commandsPerSecond, row.bytesPerSecond, row.clientCpuMs, row.serverCpuMs].map(figure),
        ...[row.loopDelayP99Ms, row.loopDelayMaxMs].map(figure),
      ]),
      note: 'The loop delay is that of a timer due every ms, so 1 is none. How often to refresh is each library’s choice.',
    });
  }
  return tables;
}

function crowdTables({ rows, expiry }: ScenarioResults['crowd']): Table[] {
  const tables: Table[] = [
    {
      title: 'Crowd: waiters for one name in two processes, ours',
      head: [
        'waiters',
        'release script, µs',
        'handoff p50, µs',
        'p99, µs',
        'commands per acquisition',
        'heap per waiter, B',
        'Redis per waiter, B',
      ],
      rows: rows.map(({ waiters, figures }) => [
        figure(waiters),
        ...[figures.releaseScriptUs, figures.handoffP50, figures.handoffP99].map((each) => spread(each)),
        figure(figures.commandsPerAcquisition.max),
        ...[figures.heapBytes, figures.redisBytes].map(({ median }) =>
          figure(waiters < 1_000 ? null : median),
        ),
      ]),
      note: 'The script as the server times it, without the slowest tenth of its runs. Waits have a time limit, so each has a timer.',
    },
  ];
  if (expiry) {
    const { lateness, waiters, loopDelayMaxMs } = expiry;
    tables.push({
      title: `Crowd: ${figure(waiters)} waiters time out at one instant, ours`,
      head: ['', 'p50', 'p99', 'last', 'longest time the process did nothing else'],
      rows: [
        [
          'late by, ms',
          ...[lateness.p50, lateness.p99, lateness.max].map((us) => figure(us / 1_000)),
          figure(loopDelayMaxMs),
        ],
      ],
    });
  }
  return tables;
}

function crashTables({ names, ttlMs, rows }: ScenarioResults['crash']): Table[] {
  return [
    {
      title: `Crash: holder killed by SIGKILL, until the next holder, ms after the TTL of ${figure(ttlMs)} ms`,
      head: ['', 'median', 'earliest', 'latest'],
      rows: rows.map(({ contestant, lateMs }) => [
        contestant,
        ...[lateMs.median, lateMs.min, lateMs.max].map(figure),
      ]),
      note: `${names} names each, held by the same process.`,
    },
  ];
}

function failureTable(failures: readonly Failure[]): Table {
  return {
    title: 'What could not be measured',
    words: true,
    head: ['', 'scenario', 'case', 'error'],
    rows: failures.map(({ contestant, scenario, where, error }) => [
      contestant,
      scenario,
      where,
      oneLine(error),
    ]),
  };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 200);
}

import { figure } from '../../bench/reporting/format.ts';
import type { Table } from '../../bench/reporting/table.ts';
import { differences } from './differences.ts';
import { NAMES } from './names.ts';
import type { Counts, Sample, SoakRun } from './samples.ts';
import { heapTrend, REDIS_BOUND_BYTES } from './verdict.ts';

const MEBIBYTE = 1_024 * 1_024;
const MOST_ROWS = 12;

/** What a soak has found, in figures. */
export function soakTables(run: SoakRun): Table[] {
  return [doneTable(run), courseTable(run), backTable(run)];
}

/** How the heap goes, in a line. */
export function heapLine({ busy }: SoakRun): string {
  const { slope, error, minutes, grants, boundBytes } = heapTrend(busy);
  const kib = (bytes: number) => figure(bytes / 1_024);
  return [
    `heap, second half: ${kib(slope)} ± ${kib(error)} KiB a minute`,
    `${kib(slope * minutes)} KiB in ${figure(minutes)} minutes and ${figure(grants)} grants`,
    `bound ${kib(boundBytes)} KiB`,
  ].join('; ');
}

function doneTable({ ends, kills, names }: SoakRun): Table {
  const byNumber = (counts: Counts) => Object.entries(counts).sort(([, one], [, other]) => other - one);
  return {
    title: `What was done, on ${figure(NAMES)} names at a time, ${figure(names)} in all`,
    head: ['', 'times'],
    rows: [
      ...byNumber(ends).map(([end, times]) => [end, figure(times)]),
      ...byNumber(kills).map(([what, times]) => [`killed: ${what}`, figure(times)]),
    ],
  };
}

function courseTable({ start, busy, end }: SoakRun): Table {
  const every = Math.ceil(busy.length / MOST_ROWS);
  const chosen = busy.filter((_, index) => (index + 1) % every === 0);
  return {
    title: 'In the course of time',
    head: ['minute', 'grants', 'heap, MiB', 'timers', 'sockets', 'keys', 'Redis, MiB', 'channels', 'clients'],
    rows: [courseRow(start, 'at rest'), ...chosen.map((each) => courseRow(each)), courseRow(end, 'at rest')],
  };
}

function courseRow(
  { atMs, grants, heapBytes, redisBytes, counts }: Sample,
  when = figure(atMs / 60_000),
): string[] {
  const count = (what: string) => figure(counts[what] ?? 0);
  return [
    when,
    figure(grants),
    (heapBytes / MEBIBYTE).toFixed(2),
    count('handles: Timeout'),
    count('handles: TCPSocketWrap'),
    count('keys'),
    (redisBytes / MEBIBYTE).toFixed(2),
    count('channels'),
    count('connected clients'),
  ];
}

function backTable({ start, end }: SoakRun): Table {
  const changed = new Map(differences(start.counts, end.counts));
  const all = [...new Set([...Object.keys(start.counts), ...Object.keys(end.counts)])].sort();
  return {
    title: 'At the start and at the end',
    head: ['', 'start', 'end', 'more'],
    rows: [
      ...all.map((what) => [
        what,
        ...[start.counts[what] ?? 0, end.counts[what] ?? 0, changed.get(what) ?? 0].map(figure),
      ]),
      ['heap, KiB', ...kibibytes(start.heapBytes, end.heapBytes)],
      ['memory of Redis, KiB', ...kibibytes(start.redisBytes, end.redisBytes)],
    ],
    note: `Redis may have ${figure(REDIS_BOUND_BYTES / 1_024)} KiB more; what is compiled meanwhile is in the heap, too.`,
  };
}

function kibibytes(start: number, end: number): string[] {
  return [start, end, end - start].map((bytes) => figure(Math.round(bytes / 1_024)));
}

import { caseName, type HandoffResult, type HandoffRow } from '../scenarios/handoff.ts';
import { figure, percent, spread } from './format.ts';
import type { Table } from './table.ts';

const MS_PER_US = 1 / 1_000;

/** One table for each size and hold time. */
export function contentionTables({ rows, hops }: HandoffResult): Table[] {
  return groupByCase(rows).map((group): Table => {
    const [first] = group;
    const hop = hops.find(
      ({ processes, holdMs }) => processes === first?.processes && holdMs === first.holdMs,
    );
    return {
      title: `Handoff: ${first ? caseName(first) : ''} (processes × workers)`,
      head: [
        '',
        'release → next, p50, ms',
        'p99, ms',
        'max, ms',
        'over the bare hop',
        'per second',
        'longest wait / share',
        'out of order',
        'overlaps',
        'commands per acquisition',
        'client CPU, µs',
        'server CPU, µs',
      ],
      rows: group.map(cells),
      ...(hop
        ? { note: `Bare hop: p50 ${spread(hop.latency.p50)} µs, p99 ${spread(hop.latency.p99)} µs.` }
        : {}),
    };
  });
}

export function outOfOrderShare({ counted }: HandoffRow): number {
  return counted ? counted.outOfOrder / counted.acquisitions : Number.NaN;
}

function groupByCase(rows: readonly HandoffRow[]): HandoffRow[][] {
  const groups = new Map<string, HandoffRow[]>();
  for (const row of rows) groups.set(caseName(row), [...(groups.get(caseName(row)) ?? []), row]);
  return [...groups.values()];
}

function cells(row: HandoffRow): string[] {
  const { figures } = row;
  return [
    row.contestant,
    ...[figures.p50, figures.p99, figures.max].map((each) => spread(each, MS_PER_US)),
    spread(row.overHop),
    figure(figures.perSecond.median),
    figure(figures.longestWaitOverShare.median),
    percent(outOfOrderShare(row)),
    figure(row.overlapsByTime + row.overlapsByFence),
    figure(row.counted?.commandsPerAcquisition),
    figure(figures.clientCpuUs.median),
    figure(figures.serverCpuUs.median),
  ];
}

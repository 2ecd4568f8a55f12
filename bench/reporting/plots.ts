import type { Results } from '../results.ts';
import { COMMON_HOLD_MS, type HandoffRow } from '../scenarios/handoff.ts';
import { axis, draw, Palette, plain } from './chart.ts';
import { latencyPlot } from './latency-plot.ts';

/** File names and contents. Without the handoff scenario there is nothing to draw. */
export function plots({ scenarios, contestants }: Results): Map<string, string> {
  const { handoff, crowd } = scenarios;
  if (!handoff) return new Map();
  const ids = contestants.map(({ id }) => id);
  const palette = new Palette(ids);
  // What is bare shows in one case only, and is no line.
  const rows = handoff.rows.filter((row) => row.holdMs === COMMON_HOLD_MS && ids.includes(row.contestant));
  const crowded = (crowd?.rows ?? []).map(({ waiters, figures }) => [
    waiters,
    figures.commandsPerAcquisition.median,
  ]);
  const shown = new Set(rows.filter(isOfHundred).map(({ contestant }) => contestant));
  const missing = ids.filter((id) => !shown.has(id));
  const failed = missing.length > 0 ? `; failed: ${missing.join(', ')}` : '';
  return new Map([
    ['handoff-latency.svg', latencyPlot(handoff, palette, failed)],
    ['commands.svg', commandsPlot(rows, crowded as [number, number][], palette)],
    ['waits.svg', waitsPlot(rows, palette, failed)],
    ['throughput.svg', throughputPlot(rows, palette)],
  ]);
}

type Point = [number, number];

/** A line for each contestant, ours on top. */
function lines(
  rows: readonly HandoffRow[],
  palette: Palette,
  pointsOf: (own: HandoffRow[]) => Point[],
): object[] {
  return [...new Set(rows.map(({ contestant }) => contestant))].map((id) => ({
    type: 'line',
    name: id,
    data: pointsOf(rows.filter(({ contestant }) => contestant === id)),
    symbol: palette.symbol(id),
    symbolSize: id === 'batonlock' ? 9 : 7,
    lineStyle: { width: id === 'batonlock' ? 4 : 2 },
    itemStyle: { color: palette.colour(id) },
    z: id === 'batonlock' ? 5 : 3,
  }));
}

/** The larger crowd in which what polls has not met its limits yet. */
function isOfHundred({ processes, workers }: HandoffRow): boolean {
  return processes === 4 && workers === 25;
}

function contenders({ processes, workers }: HandoffRow): number {
  return processes * workers;
}

function commandsPlot(rows: readonly HandoffRow[], crowded: Point[], palette: Palette): string {
  const series = lines(rows, palette, (own) => {
    const counted = own.flatMap((row): Point[] =>
      row.counted ? [[contenders(row), row.counted.commandsPerAcquisition]] : [],
    );
    const further = own[0]?.contestant === 'batonlock' ? crowded : [];
    const points = new Map([...counted, ...further]);
    return [...points].sort(([a], [b]) => a - b);
  });
  return draw('Commands per acquisition', 'counted on the wire, by how many want the lock; hold 1 ms', {
    xAxis: axis({ name: 'contenders', type: 'log', min: 1, ticks: plain }, 'x'),
    yAxis: axis({ name: 'commands per acquisition', type: 'log', min: 1, ticks: plain }, 'y'),
    series,
  });
}

function throughputPlot(rows: readonly HandoffRow[], palette: Palette): string {
  const series = lines(rows, palette, (own) =>
    own.map((row): Point => [contenders(row), row.figures.perSecond.median]),
  );
  return draw(
    'Throughput',
    `acquisitions of one lock per second; hold ${COMMON_HOLD_MS} ms, so 1 000 is the most`,
    {
      xAxis: axis({ name: 'contenders', type: 'log', min: 1, max: 1_000, ticks: plain }, 'x'),
      yAxis: axis({ name: 'acquisitions per second', type: 'value', min: 0, max: 1_000, ticks: plain }, 'y'),
      series,
    },
  );
}

function waitsPlot(rows: readonly HandoffRow[], palette: Palette, failed: string): string {
  const series = lines(rows.filter(isOfHundred), palette, ([row]) =>
    (row?.waitCurve ?? []).map((us, share): Point => [share, Math.max(us, 100) / 1_000]),
  ).map((line) => ({ ...line, showSymbol: false }));
  const subtitle = `100 contenders in 4 processes, hold 1 ms: a flat line is fair${failed}`;
  return draw('How long each had to wait', subtitle, {
    xAxis: axis({ name: 'share of acquisitions, %', type: 'value', min: 0, max: 100 }, 'x'),
    yAxis: axis({ name: 'waited no longer than, ms', type: 'log', min: 0.1, ticks: plain }, 'y'),
    series,
  });
}

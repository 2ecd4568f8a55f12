import type { CustomSeriesRenderItem, EChartsOption } from 'echarts';
import { COMMON_HOLD_MS, type HandoffResult, type HandoffRow } from '../scenarios/handoff.ts';
import { axis, draw, type Palette, plain } from './chart.ts';

const SIZE = { processes: 4, workers: 25 };
const MS_PER_US = 1 / 1_000;

/** From p50 to p99 for each contestant, on a logarithmic scale, with the bare hop as a line to measure by. */
export function latencyPlot({ rows, hops }: HandoffResult, palette: Palette, failed: string): string {
  const shown = rows
    .filter(({ processes, workers, holdMs }) => {
      return processes === SIZE.processes && workers === SIZE.workers && holdMs === COMMON_HOLD_MS;
    })
    .reverse(); // The axis grows upwards.
  const hop = hops.find(({ processes, holdMs }) => processes === SIZE.processes && holdMs === COMMON_HOLD_MS);
  return draw(
    'From the release to the next holder',
    `100 contenders in 4 processes, hold 1 ms; dot p50, bar to p99, medians of all rounds${failed}`,
    option(shown, (hop?.latency.p50.median ?? Number.NaN) * MS_PER_US, palette),
  );
}

function option(rows: readonly HandoffRow[], hopMs: number, palette: Palette): EChartsOption {
  const points = (name: 'p50' | 'p99') =>
    rows.map((row) => ({
      value: [row.figures[name].median * MS_PER_US, row.contestant],
      itemStyle: { color: palette.colour(row.contestant) },
    }));
  const inMs = (us: number) => (us * MS_PER_US).toPrecision(2);
  // Both behind the bar: to the left of it there is the line of the hop.
  const label = {
    show: true,
    position: 'right',
    fontSize: 12,
    distance: 9,
    formatter: ({ dataIndex }: { dataIndex: number }) => {
      const { p50, p99 } = rows[dataIndex]?.figures ?? {};
      return p50 && p99 ? `${inMs(p50.median)} / ${inMs(p99.median)}` : '';
    },
  };
  return {
    legend: { show: false },
    grid: { left: 200, right: 90, top: 100, bottom: 64 },
    xAxis: axis({ name: 'ms', type: 'log', ticks: plain }, 'x'),
    yAxis: {
      type: 'category',
      data: rows.map(({ contestant }) => contestant),
      axisLabel: { fontSize: 13, color: '#24292f' },
      axisTick: { show: false },
    },
    series: [
      bars(rows, palette),
      {
        type: 'scatter',
        symbolSize: 13,
        data: points('p50'),
        markLine: hopLine(hopMs),
      },
      { type: 'scatter', symbol: 'rect', symbolSize: [5, 20], data: points('p99'), label },
    ] as NonNullable<EChartsOption['series']>,
  };
}

function hopLine(hopMs: number): object {
  if (!Number.isFinite(hopMs)) return {};
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { color: '#24292f', type: 'dashed', width: 1.5 },
    label: { formatter: 'bare PUBLISH → message', position: 'end', fontSize: 12 },
    data: [{ xAxis: hopMs }],
  };
}

/** ECharts has no bars that begin elsewhere than at zero on a logarithmic axis. */
function bars(rows: readonly HandoffRow[], palette: Palette): object {
  const renderItem: CustomSeriesRenderItem = (params, api) => {
    const row = rows[params.dataIndex];
    if (!row) return null;
    const [from, to] = [api.coord([api.value(0), api.value(2)]), api.coord([api.value(1), api.value(2)])];
    const [x1 = 0, y = 0] = from;
    const [x2 = 0] = to;
    return {
      type: 'rect',
      shape: { x: x1, y: y - 4, width: x2 - x1, height: 8 },
      style: { fill: palette.colour(row.contestant), opacity: 0.35 },
    };
  };
  return {
    type: 'custom',
    renderItem,
    encode: { x: [0, 1], y: 2 },
    data: rows.map(({ figures, contestant }) => [
      figures.p50.median * MS_PER_US,
      figures.p99.median * MS_PER_US,
      contestant,
    ]),
  };
}

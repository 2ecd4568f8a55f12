import { type EChartsOption, init } from 'echarts';

export const WIDTH = 960;
export const HEIGHT = 560;

/** Opaque, so that the plot looks the same on a light and on a dark page. */
const CARD = '#ffffff';
const INK = '#24292f';
const PALE = '#d8dee4';
const FONT = 'DejaVu Sans, Verdana, Helvetica, Arial, sans-serif';

const OURS_COLOUR = '#d1242f';
/** Told apart also by those who see red and green alike: they differ in brightness. */
const COLOURS = [
  '#0550ae',
  '#54aeff',
  '#116329',
  '#4ac26b',
  '#7d4e00',
  '#d4a72c',
  '#6639ba',
  '#a475f9',
  '#57606a',
];
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'roundRect'] as const;

/** One colour for each contestant, in all plots. */
export class Palette {
  readonly #ids: readonly string[];

  constructor(ids: readonly string[]) {
    this.#ids = ids.filter((id) => id !== 'batonlock');
  }

  colour(id: string): string {
    if (id === 'batonlock') return OURS_COLOUR;
    return COLOURS[this.#ids.indexOf(id) % COLOURS.length] ?? INK;
  }

  symbol(id: string): (typeof SYMBOLS)[number] {
    if (id === 'batonlock') return 'circle';
    return SYMBOLS[(this.#ids.indexOf(id) + 1) % SYMBOLS.length] ?? 'circle';
  }
}

export interface Axis {
  readonly name: string;
  readonly type: 'log' | 'value';
  readonly min?: number;
  readonly max?: number;
  readonly ticks?: (value: number) => string;
}

/** The look of an axis with numbers on it. */
export function axis({ name, type, min, max, ticks }: Axis, side: 'x' | 'y'): object {
  return {
    type,
    name,
    nameLocation: 'middle',
    nameGap: side === 'x' ? 32 : 58,
    nameTextStyle: { color: INK, fontSize: 13, fontFamily: FONT },
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    axisLine: { show: true, lineStyle: { color: INK } },
    axisLabel: { color: INK, fontSize: 12, fontFamily: FONT, ...(ticks ? { formatter: ticks } : {}) },
    splitLine: { lineStyle: { color: PALE } },
    minorSplitLine: { show: false },
  };
}

/** Draws a chart; title, legend and everything around the axes is the same for all. */
export function draw(title: string, subtitle: string, option: EChartsOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  chart.setOption({
    animation: false,
    backgroundColor: CARD,
    textStyle: { fontFamily: FONT, color: INK },
    title: {
      text: title,
      subtext: subtitle,
      left: 24,
      top: 16,
      itemGap: 6,
      textStyle: { fontSize: 18, fontFamily: FONT, color: INK },
      subtextStyle: { fontSize: 12, fontFamily: FONT, color: '#57606a' },
    },
    legend: {
      orient: 'vertical',
      right: 20,
      top: 96,
      itemGap: 10,
      textStyle: { fontSize: 12, fontFamily: FONT, color: INK },
    },
    grid: { left: 84, right: 250, top: 96, bottom: 64, containLabel: false },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** Powers of ten as people write them. */
export function plain(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 3 }).replaceAll(',', ' ');
}

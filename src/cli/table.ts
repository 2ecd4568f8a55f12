import { cut, toWidth, widthOf } from './text.ts';

/** One column of a table. */
export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
  /** What may be cut when the table is wider than the terminal. */
  readonly flexible?: boolean;
}

const GAP = '  ';
const NARROWEST = 8;

/**
 * Cells in columns, as lines, the heads first. With a `width` the flexible columns are cut until each line fits. Not
 * left to a library of tables: those that there are take twenty seconds for 10 000 rows.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string[] {
  const lines = [columns.map(({ head }) => head), ...rows];
  const widths = columnWidths(columns, lines, width);
  return lines.map((cells) => {
    const fitted = columns.map(({ align }, index) => toWidth(cells[index] ?? '', widths[index] ?? 0, align));
    return cut(fitted.join(GAP).trimEnd(), width);
  });
}

function columnWidths(
  columns: readonly Column[],
  lines: readonly (readonly string[])[],
  width: number,
): number[] {
  const widths = columns.map(() => 0);
  for (const cells of lines) {
    for (const [index, cell] of cells.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  }
  const sum = (): number => widths.reduce((total, each) => total + each, GAP.length * (columns.length - 1));
  for (let excess = sum() - width; excess > 0; excess = sum() - width) {
    const [widest] = columns
      .flatMap(({ flexible }, index) => (flexible ? [{ index, size: widths[index] ?? 0 }] : []))
      .sort((one, other) => other.size - one.size);
    if (!widest || widest.size <= NARROWEST) break;
    widths[widest.index] = Math.max(NARROWEST, widest.size - Math.ceil(excess / 2));
  }
  return widths;
}

import { showDuration } from '../duration.ts';
import { holdersText } from '../list.ts';
import { type Column, tableLines } from '../table.ts';
import { cut, printable, toWidth } from '../text.ts';
import type { Row, Sort } from './board.ts';

/** All that one picture shows. */
export interface View {
  readonly rows: readonly Row[];
  /** Which of `rows` is selected; −1 for none. */
  readonly selected: number;
  readonly rateOf: (name: string) => number;
  readonly locks: number;
  readonly waiters: number;
  readonly sort: Sort;
  readonly reverse: boolean;
  /** Local instant for which it is drawn, in ms. */
  readonly now: number;
  readonly width: number;
  readonly height: number;
  /** What is shown instead of the rows. */
  readonly inspection?: readonly string[] | undefined;
  /** A question, or something to be told, in the last line. */
  readonly message?: string | undefined;
}

/** Lines that are no rows: the title, the heads and the last one. */
const OTHER_LINES = 3;
const BAR_WIDTH = 10;
/** Before the row that is selected: inverse does not show where there are no colours. */
const MARK = '> ';
const KEYS = '↑↓ select  s sort  r reverse  i inspect  b break  q quit';

const COLUMNS: readonly Column[] = [
  { head: 'NAME', flexible: true },
  { head: 'HOLDER', flexible: true },
  { head: 'HELD FOR', align: 'right' },
  { head: 'TTL LEFT' },
  { head: 'WAITERS', align: 'right' },
  { head: 'HANDOFFS/S', align: 'right' },
];

/** How many rows a terminal of this height shows. */
export function rowsIn(height: number): number {
  return Math.max(1, height - OTHER_LINES);
}

/** The picture, as one line of plain text for each line of the terminal. */
export function frameLines(view: View): string[] {
  const { width, height, inspection, message = KEYS } = view;
  const body = inspection ? inspection.map((line) => cut(line, width)) : markedLines(view);
  const room = Math.max(0, height - 2);
  const filled = Array.from({ length: room }, (_, index) => body[index] ?? '');
  return [cut(titleOf(view), width), ...filled, cut(message, width)];
}

/** What is asked before a lock is broken; what answers it comes first, since a long name is cut. */
export function breakQuestion(name: string): string {
  return `Break it? [y/N] Whoever holds it may still be at work: ${printable(name)}`;
}

/** In which line of the picture the selected row is; −1 if it is in none. */
export function selectedLine({ selected, inspection }: View): number {
  return selected < 0 || inspection ? -1 : selected + 2;
}

/** The rows with their heads; the one that is selected is marked, and as wide as the terminal. */
function markedLines(view: View): string[] {
  const { width } = view;
  return bodyLines({ ...view, width: width - MARK.length }).map((line, index) => {
    if (index + 1 === selectedLine(view)) return toWidth(MARK + line, width);
    return cut(' '.repeat(MARK.length) + line, width);
  });
}

/** The rows alone, with their heads. */
export function bodyLines({
  rows,
  rateOf,
  now,
  width,
}: Pick<View, 'rows' | 'rateOf' | 'now' | 'width'>): string[] {
  return tableLines(
    COLUMNS,
    rows.map((row) => cellsOf(row, rateOf(row.name), now)),
    width,
  );
}

function titleOf({ locks, waiters, sort, reverse, rows, rateOf }: View): string {
  const rate = rows.reduce((sum, { name }) => sum + rateOf(name), 0);
  const order = `by ${sort}${reverse ? ', reversed' : ''}`;
  return `batonlock top   ${locks} locks   ${waiters} waiters   ${showRate(rate)} handoffs/s shown   ${order}`;
}

function cellsOf(row: Row, rate: number, now: number): string[] {
  const { name, lock, grantedAt, endsAt, ttlMs, waiters } = row;
  const held = Number.isFinite(grantedAt) ? showDuration(now - grantedAt) : '-';
  const left = Number.isFinite(endsAt) ? leftText(endsAt - now, ttlMs) : '-';
  return [printable(name), holdersText(lock), held, left, String(waiters), showRate(rate)];
}

function leftText(leftMs: number, ttlMs: number): string {
  return `${bar(leftMs / ttlMs)} ${toWidth(showDuration(leftMs), 9, 'right')}`;
}

/** A part of 1 as a bar. */
export function bar(part: number): string {
  const full = Math.round(Math.min(1, Math.max(0, part || 0)) * BAR_WIDTH);
  return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
}

function showRate(rate: number): string {
  if (rate === 0) return '0';
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}

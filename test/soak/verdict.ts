import { differences } from './differences.ts';
import type { Sample, SoakRun } from './samples.ts';
import { UNEXPECTED } from './tally.ts';
import { type Trend, trendOf } from './trend.ts';

/** So much may the heap grow over the second half, however long that is: few bytes for each of many thousand locks. */
const HEAP_BOUND_BYTES = 512 * 1024;
/** In a short soak there is still something to compile, and what is under way at each look weighs more. */
const SHORT_HEAP_BOUND_BYTES = 4 * HEAP_BOUND_BYTES;
const SHORT_MINUTES = 0.4;
/** A trend below so many standard errors may be chance. */
const SIGNIFICANT = 3;
/** Fewer say nothing about a trend. */
const FEWEST_SAMPLES = 8;
/** The server's memory goes up and down by buffers of its connections. */
export const REDIS_BOUND_BYTES = 256 * 1024;

/** What must have happened at least once, lest a soak of nothing is passed. */
const ENDS = [
  ...['granted', 'refused', 'released', 'aborted', 'task done', 'task failed', 'refreshed', 'resumed'],
  ...['seen', 'reached', 'downgraded', 'closed', 'ERR_LOCK_TIMEOUT', 'ERR_LOCK_CLOSED'],
  ...['ERR_LOCK_LOST taken', 'ERR_LOCK_LOST forced', 'ERR_COUNTER_EXPIRED'],
];

/** The heap over the second half, in bytes and minutes. */
export interface HeapTrend extends Trend {
  readonly minutes: number;
  readonly grants: number;
  /** So much it may grow over that time. */
  readonly boundBytes: number;
}

/** By then everything has been compiled, and every cache filled. */
export function heapTrend(busy: readonly Sample[]): HeapTrend {
  const half = busy.slice(Math.floor(busy.length / 2));
  const [first, last] = [half[0], half.at(-1)];
  const trend = trendOf(half.map(({ atMs, heapBytes }) => ({ x: atMs / 60_000, y: heapBytes })));
  const minutes = ((last?.atMs ?? 0) - (first?.atMs ?? 0)) / 60_000;
  const boundBytes = minutes < SHORT_MINUTES ? SHORT_HEAP_BOUND_BYTES : HEAP_BOUND_BYTES;
  return { ...trend, minutes, grants: (last?.grants ?? 0) - (first?.grants ?? 0), boundBytes };
}

/** Whether everything is as it was, as far as two samples can tell. */
export function isBack(before: Sample, after: Sample): boolean {
  return changes(before, after).length === 0;
}

/** What is not back after a soak, in words; nothing when all is. */
export function judge(run: SoakRun): string[] {
  const { start, busy, end, leftKeys, closed } = run;
  const keys = leftKeys.length > 0 ? [`keys such as ${leftKeys.join(', ')}`] : [];
  const afterwards = Object.entries(closed).map(([what, by]) => `${signed(by)} ${what} after the close`);
  return [...changes(start, end), ...keys, ...afterwards, ...growth(busy), ...omissions(run)];
}

function changes(start: Sample, end: Sample): string[] {
  const counts = differences(start.counts, end.counts).map(([what, by]) => `${signed(by)} ${what}`);
  const grown = end.redisBytes - start.redisBytes;
  if (grown <= REDIS_BOUND_BYTES) return counts;
  return [...counts, `${kibibytes(grown)} more of memory in Redis`];
}

function growth(busy: readonly Sample[]): string[] {
  if (busy.length < FEWEST_SAMPLES)
    return [`${busy.length} samples are too few to see whether the heap grows`];
  const { slope, error, minutes, boundBytes } = heapTrend(busy);
  if (slope * minutes <= boundBytes || slope <= SIGNIFICANT * error) return [];
  return [`the heap grows by ${kibibytes(slope)} a minute`];
}

/** What did not happen, and what should not have. */
function omissions({ ends, kills }: SoakRun): string[] {
  const missing = ENDS.filter((end) => ends[end] === undefined).map((end) => `never: ${end}`);
  const spared = Object.keys(kills).filter((what) => kills[what] === 0);
  const unexpected = Object.keys(ends).filter((end) => end.startsWith(UNEXPECTED));
  return [...missing, ...spared.map((what) => `no ${what} were killed`), ...unexpected];
}

function signed(by: number): string {
  return by > 0 ? `+${by}` : `−${-by}`;
}

function kibibytes(bytes: number): string {
  return `${Math.round(bytes / 1_024)} KiB`;
}

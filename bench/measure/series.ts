/** One figure over all rounds: what each gave, their median and their spread. */
export interface Series {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: readonly number[];
}

/** The median of an even number of values is the mean of the middle two; of none, it is not a number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Digits beyond these say nothing, and make a committed result change in every line. */
const SIGNIFICANT_DIGITS = 6;

/** What is not a number came through JSON as null. */
export function rounded(value: number | null): number {
  return value === null ? Number.NaN : Number(value.toPrecision(SIGNIFICANT_DIGITS));
}

/** Rounds in which there was nothing to measure count for nothing; with none left, all is NaN (null in JSON). */
export function series(rounds: readonly number[]): Series {
  const measured = rounds.filter(Number.isFinite);
  const extreme = (pick: (...values: number[]) => number): number =>
    measured.length === 0 ? Number.NaN : rounded(pick(...measured));
  return {
    median: rounded(median(measured)),
    min: extreme(Math.min),
    max: extreme(Math.max),
    rounds: rounds.map(rounded),
  };
}

/** One series for each figure of what the rounds gave. */
export function seriesOf<K extends string>(
  rounds: readonly Readonly<Record<K, number>>[],
): Record<K, Series> {
  const names = Object.keys(rounds[0] ?? {}) as K[];
  const entries = names.map((name) => [name, series(rounds.map((round) => round[name]))]);
  return Object.fromEntries(entries) as Record<K, Series>;
}

/** The mean without the highest tenth: what the operating system did in between is not the thing measured. */
export function trimmedMean(values: readonly number[]): number {
  const kept = [...values].sort((a, b) => a - b).slice(0, Math.max(1, Math.floor(values.length * 0.9)));
  return kept.reduce((sum, value) => sum + value, 0) / kept.length;
}

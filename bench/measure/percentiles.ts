import { build, type Histogram } from 'hdr-histogram-js';

/** A distribution of durations, in µs. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

const NS_PER_US = 1_000;
const EVERY_PERCENT = Array.from({ length: 101 }, (_, percent) => percent);

/** Durations in µs, kept as whole ns to three digits. */
export class Durations {
  readonly #histogram: Histogram = build({ numberOfSignificantValueDigits: 3 });

  static of(valuesUs: Iterable<number>): Durations {
    const durations = new Durations();
    for (const value of valuesUs) durations.add(value);
    return durations;
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  add(us: number): void {
    this.#histogram.recordValue(Math.max(0, Math.round(us * NS_PER_US)));
  }

  /** All of them are NaN when there is nothing to tell of. */
  percentiles(): Percentiles {
    return { p50: this.#at(50), p90: this.#at(90), p99: this.#at(99), max: this.#at(100) };
  }

  /** The values at 0, 1, … 100 percent. */
  curve(): number[] {
    return EVERY_PERCENT.map((percent) => this.#at(percent));
  }

  #at(percent: number): number {
    if (this.count === 0) return Number.NaN;
    return this.#histogram.getValueAtPercentile(percent) / NS_PER_US;
  }
}

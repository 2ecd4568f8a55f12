import type { Series } from '../measure/series.ts';

const NOTHING = '–';

/** A number with its thousands apart and about three digits: 12 300, 4.56, 0.078. What is none shows as a dash. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  const size = Math.abs(value);
  if (Number.isInteger(value)) return grouped(value, 0);
  if (size >= 100) return grouped(value, 0);
  if (size >= 10) return grouped(value, 1);
  return grouped(value, size >= 1 ? 2 : 3);
}

/** The median, and from where to where the rounds went. */
export function spread(series: Series, scale = 1): string {
  if (!Number.isFinite(series.median) || series.median === null) return NOTHING;
  const [median, min, max] = [series.median, series.min, series.max].map((value) => figure(value * scale));
  return `${median} (${min} … ${max})`;
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${figure(Math.round(share * 1_000) / 10)} %` : NOTHING;
}

function grouped(value: number, decimals: number): string {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString('en', digits).replaceAll(',', ' ');
}

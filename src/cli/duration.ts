import { InvalidArgumentError } from 'commander';

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** The longest that a timer lasts, and that the library takes. A longer one would end at once. */
const LONGEST_MS = 2_147_483_647;
const DURATION = /^(\d{1,15}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/** Ms, at most 2 147 483 647, of a duration with its unit, such as 500ms, 1.5s, 5m, 2h or 1d. Throws `InvalidArgumentError`. */
export function parseDuration(text: string): number {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  const isUnit = (key: string | undefined): key is keyof typeof UNITS_MS =>
    key !== undefined && key in UNITS_MS;
  if (!isUnit(unit)) throw new InvalidArgumentError('It must be a duration such as 500ms, 30s, 5m or 2h.');
  const ms = Math.round(Number(amount) * UNITS_MS[unit]);
  if (ms > LONGEST_MS) throw new InvalidArgumentError(`It must be at most ${LONGEST_MS}ms (24.8d).`);
  return ms;
}

/** A duration for people, in at most two units. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < UNITS_MS.m) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < UNITS_MS.h) return inUnits(ms, UNITS_MS.m, 'm', UNITS_MS.s, 's');
  if (ms < UNITS_MS.d) return inUnits(ms, UNITS_MS.h, 'h', UNITS_MS.m, 'm');
  return inUnits(ms, UNITS_MS.d, 'd', UNITS_MS.h, 'h');
}

function inUnits(ms: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeUnit} ${String(rest).padStart(2, '0')} ${smallUnit}`;
}

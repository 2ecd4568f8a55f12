import type { Chance } from './chance.ts';

/** Names for which all compete, names that are mostly free, and names that are never kept for long on purpose. */
const HOT = named('hot', 4);
const COLD = named('cold', 32);
const BRISK = named('brisk', 16);
export const NAMES: readonly string[] = [...HOT, ...COLD, ...BRISK];

const TTLS_MS = [600, 1_000, 1_500];
export const LONGEST_TTL_MS = Math.max(...TTLS_MS);
/** Short, as a crash is what they wait for longest. */
const BRISK_TTL_MS = Math.min(...TTLS_MS);

/** How long a single try may take: two commands, each of which may stay without an answer for 5 s. */
const TRY_MS = 10_000;

/** How a lease is used once it is granted. */
export type Use =
  | { readonly kind: 'brief'; readonly holdMs: number }
  /** Kept beyond its TTL, by auto refresh or refresh by refresh. */
  | { readonly kind: 'auto refresh' | 'refresh'; readonly holdMs: number }
  /** Kept beyond its TTL without a refresh, by a holder who does not look whether it still is one. */
  | { readonly kind: 'overdue'; readonly holdMs: number }
  /** Forgotten without a release. */
  | { readonly kind: 'abandoned' };

/** One thing that a worker is going to do. */
export interface Plan {
  readonly name: string;
  readonly ttlMs: number;
  readonly way: 'wait' | 'try';
  readonly waitMs: number;
  readonly abortAfterMs: number | undefined;
  /** By when the acquire has to end; null where nothing but a grant may end it. */
  readonly withinMs: number | null;
  readonly use: Use;
}

/** What a worker does: everything there is, or many brief things, so that there is always somebody in the middle of one. */
export type Pace = 'varied' | 'brisk';

export function nextPlan(chance: Chance, pace: Pace): Plan {
  return pace === 'brisk' ? briskPlan(chance) : variedPlan(chance);
}

function briskPlan(chance: Chance): Plan {
  const use = { kind: 'brief', holdMs: chance.between(0, 1) } as const;
  return { name: chance.of(BRISK), ttlMs: BRISK_TTL_MS, ...nextWait(chance), use };
}

function variedPlan(chance: Chance): Plan {
  const hot = chance.inThousand(700);
  const name = chance.of(hot ? HOT : COLD);
  const ttlMs = TTLS_MS[NAMES.indexOf(name) % TTLS_MS.length] ?? LONGEST_TTL_MS;
  return { name, ttlMs, ...nextWait(chance), use: nextUse(chance, hot, ttlMs) };
}

function nextWait(chance: Chance): Pick<Plan, 'way' | 'waitMs' | 'abortAfterMs' | 'withinMs'> {
  const waitMs = chance.between(100, 4_000);
  const patient = { way: 'wait', waitMs, abortAfterMs: undefined, withinMs: waitMs } as const;
  if (chance.inThousand(70)) return { ...patient, way: 'try', withinMs: TRY_MS };
  if (chance.inThousand(50)) {
    const abortAfterMs = chance.between(0, 200);
    return { ...patient, abortAfterMs, withinMs: Math.min(abortAfterMs, waitMs) };
  }
  if (chance.inThousand(50)) return { ...patient, waitMs: Number.POSITIVE_INFINITY, withinMs: null };
  return patient;
}

function nextUse(chance: Chance, hot: boolean, ttlMs: number): Use {
  // What keeps a lock for a whole TTL is rare where many wait for it.
  if (chance.inThousand(hot ? 2 : 40)) {
    const holdMs = Math.round((ttlMs * chance.between(110, 180)) / 100);
    const kind = chance.of(['auto refresh', 'refresh', 'overdue', 'abandoned'] as const);
    return kind === 'abandoned' ? { kind } : { kind, holdMs };
  }
  return { kind: 'brief', holdMs: chance.inThousand(800) ? chance.between(0, 2) : chance.between(3, 20) };
}

function named(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index}`);
}

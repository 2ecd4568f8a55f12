import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from './chance.ts';
import type { Crew } from './crew.ts';
import type { Injury } from './history.ts';

/** What a fault leaves in the record, besides its kind and its times. */
export type Marks = Pick<Injury, 'forgets' | 'deaf'>;

/** Something that can go wrong, and be mended. */
export interface Fault {
  readonly kind: string;
  /** Nothing else may go wrong meanwhile, or it would prove nothing. */
  readonly alone?: boolean;
  /** Makes it happen, and resolves when it is mended again. */
  inflict(chance: Chance, crew: Crew): Promise<Marks | undefined>;
}

/** How long a fault lasts, in ms: mostly shorter than a lease, at times longer. */
export function span(chance: Chance): number {
  return chance.inThousand(850) ? chance.between(50, 500) : chance.between(500, 2_500);
}

/** How long another fault may keep a server from being told. */
const INSIST_MS = 30_000;
const RETRY_MS = 100;

/** Tells a server something until it is done: it may be busy, or cut the connection, because of another fault. */
export async function insist<T>(order: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + INSIST_MS; ; await pause(RETRY_MS)) {
    try {
      return await order();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

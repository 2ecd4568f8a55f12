import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Lock, LockClient, RedisBackendOptions } from '../../src/index.ts';
import type { Chance } from '../chaos/chance.ts';
import type { Names } from './names.ts';
import type { Tally } from './tally.ts';

/** What every use of locks works with. */
export interface Stage {
  readonly url: string;
  readonly options: RedisBackendOptions;
  /** The user's own connection, which lives as long as the process. */
  readonly redis: Redis;
  readonly locks: LockClient;
  /** Likewise lives as long as the process, and never aborts. */
  readonly never: AbortSignal;
  readonly names: Names;
  readonly chance: Chance;
  readonly tally: Tally;
}

/** So long that a third of it is more than all else takes: what is not released or stopped is there at the end. */
export const TTL = 180_000;
/** Long enough for whoever was killed while holding. */
export const WAIT = 3_000;

/** Waits for a lock, or none, keeps it for a moment and gives it back. */
export async function takeTurn({ tally }: Stage, acquiring: Promise<Lock | null>, holdMs = 0): Promise<void> {
  const lock = await tally.of('answered', acquiring);
  if (lock === undefined) return;
  tally.note(lock ? 'granted' : 'refused');
  if (holdMs > 0) await sleep(holdMs);
  if (lock) await tally.of('released', lock.release());
}

/** A lock to do something with; undefined if it was not to be had. */
export async function take({ tally }: Stage, acquiring: Promise<Lock>): Promise<Lock | undefined> {
  return tally.of('granted', acquiring);
}

/** Several of the same, at once. */
export async function crowd(size: number, one: () => Promise<unknown>): Promise<void> {
  await Promise.all(Array.from({ length: size }, one));
}

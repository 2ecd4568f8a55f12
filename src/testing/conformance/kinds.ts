import type { LockClient } from '../../client.ts';
import type { GroupOptions } from '../../core/arguments.ts';
import { MOST_UNITS } from '../../core/arguments.ts';
import type { LockCreator } from '../../lock-creator.ts';

/**
 * The kinds of lock that have room for one holder at a time, so that each has to do all that a mutex does: a mutex, a
 * semaphore of capacity 1, a semaphore of 5 of which somebody else holds 4, and the write side of a read-write lock.
 */
export type LockKind = 'mutex' | 'semaphore-of-one' | 'drained-semaphore' | 'write-side';

/** What the cases have to know of a kind of lock. */
export interface Kind {
  readonly title: string;
  /** The capacity that its state shows while it is in use. */
  readonly capacity: number;
  /** How many units its holder has. */
  readonly units: number;
  /** How many units somebody else holds throughout each case. */
  readonly drained: number;
  open(client: LockClient, name: string, options?: GroupOptions): LockCreator;
}

export const KINDS: Readonly<Record<LockKind, Kind>> = {
  mutex: {
    title: 'mutex',
    ...{ capacity: 1, units: 1, drained: 0 },
    open: (client, name, options) => client.creator(name, options),
  },
  'semaphore-of-one': {
    title: 'semaphore of capacity 1',
    ...{ capacity: 1, units: 1, drained: 0 },
    open: (client, name, options) => client.semaphore(name, 1, options),
  },
  'drained-semaphore': {
    title: 'semaphore of 5 drained to 1',
    ...{ capacity: 5, units: 1, drained: 4 },
    open: (client, name, options) => client.semaphore(name, 5, options),
  },
  'write-side': {
    title: 'write side of a read-write lock',
    ...{ capacity: MOST_UNITS, units: MOST_UNITS, drained: 0 },
    open: (client, name, options) => client.readWriteLock(name, options).write,
  },
};

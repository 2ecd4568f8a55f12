import { MOST_UNITS } from '../../src/core/arguments.ts';
import type { GroupOptions, LockClient, LockCreator } from '../../src/index.ts';

/** A kind of lock that has room for one holder at a time, so that it has to do all that a mutex does. */
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

export const MUTEX: Kind = {
  title: 'mutex',
  ...{ capacity: 1, units: 1, drained: 0 },
  open: (client, name, options) => client.creator(name, options),
};

export const SEMAPHORE_OF_ONE: Kind = {
  title: 'semaphore of capacity 1',
  ...{ capacity: 1, units: 1, drained: 0 },
  open: (client, name, options) => client.semaphore(name, 1, options),
};

export const DRAINED_SEMAPHORE: Kind = {
  title: 'semaphore of 5 drained to 1',
  ...{ capacity: 5, units: 1, drained: 4 },
  open: (client, name, options) => client.semaphore(name, 5, options),
};

export const WRITE_SIDE: Kind = {
  title: 'write side of a read-write lock',
  ...{ capacity: MOST_UNITS, units: MOST_UNITS, drained: 0 },
  open: (client, name, options) => client.readWriteLock(name, options).write,
};

import { MOST_UNITS } from '../core/arguments.ts';

/** How many readers a read-write lock has room for; a writer takes all of it. */
const ROOM = MOST_UNITS;

/** What a reader takes of a read-write lock: one unit, so that readers share it. */
export const READ = { capacity: ROOM, units: 1 } as const;

/** What a writer takes of a read-write lock: all units, so that it has it alone. */
export const WRITE = { capacity: ROOM, units: ROOM } as const;

import type { Holder, LockState } from '../core/backend.ts';
import { type KeyRange, type Keys, tagOf } from './keys.ts';
import type { Ask, EtcdLink } from './link.ts';
import { readLine, secondsLeft } from './protocol.ts';
import { type Occupancy, type Standing, Standings } from './standings.ts';

/** Reads who holds a lock and how many wait for it. */
export async function readState(link: EtcdLink, keys: Keys, name: string): Promise<LockState> {
  const occupancy = await readOccupancy(link, keys.line(name), name);
  return stateOf((call) => link.run(call, name), name, occupancy);
}

/** Reads as much of a line as can hold: for a mutex its first key, else as many as the capacity that the first tells. */
export async function readOccupancy(link: EtcdLink, line: KeyRange, name: string): Promise<Occupancy> {
  for (let limit = 1; ; ) {
    const { keys, count } = await link.run(readLine(line, limit), name);
    const [first] = keys;
    const capacity = first ? tagOf(first).capacity : 1;
    if (capacity <= limit || keys.length === count) {
      const { holders } = new Standings(keys).occupancy;
      return { capacity, holders, waiters: count - holders.length };
    }
    limit = capacity;
  }
}

/** The state that the keys of a line show; asks etcd for the time left on the holders' leases. */
export async function stateOf(
  ask: Ask,
  name: string,
  { capacity, holders, waiters }: Occupancy,
): Promise<LockState> {
  const shown = holders.map(async (holder) => holderOf(holder, await remainingMs(ask, holder)));
  return { name, capacity, holders: await Promise.all(shown), waiters };
}

function holderOf({ owner, client, units, place }: Standing, remainingTtl: number): Holder {
  return { owner, client, units, fencingToken: place.createRevision, remainingTtl };
}

/** Infinity for a key that somebody has put there without a lease. */
async function remainingMs(ask: Ask, { lease, ttlMs }: Standing): Promise<number> {
  if (lease === '0') return Number.POSITIVE_INFINITY;
  const seconds = await ask(secondsLeft(lease));
  // etcd has whole seconds; no more than was asked for is right for keys of ours.
  return Math.min((seconds ?? 0) * 1_000, ttlMs ?? Number.POSITIVE_INFINITY);
}

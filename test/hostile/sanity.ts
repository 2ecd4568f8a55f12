import type { Lock, LockState } from '../../src/index.ts';

/** That of all semaphores here. */
export const CAPACITY = 3;

/** Throws unless what was granted is as it was asked for, and as any lease is. */
export function checkLock(lock: Lock, asked: { name: string; ttl: number; units: number }): void {
  const { name, ttl, units, fencingToken, remaining, owner } = lock;
  const faults = {
    name: name !== asked.name,
    ttl: ttl !== asked.ttl,
    units: units !== asked.units,
    fencingToken: !(Number.isSafeInteger(fencingToken) && fencingToken > 0),
    remaining: !(Number.isSafeInteger(remaining) && remaining >= 0 && remaining <= ttl),
    owner: !/^[\w.-]+:[0-9a-z]+:\d+(:\d+)?$/.test(owner),
  };
  const wrong = Object.entries(faults).filter(([, fault]) => fault);
  const shown = JSON.stringify({ name, ttl, units, fencingToken, remaining, owner });
  if (wrong.length > 0)
    throw new RangeError(`a lock of ${shown}, whose ${wrong.map(([field]) => field)} is wrong`);
}

/** Throws unless it may be the state of a lock. */
export function checkState(state: LockState, name: string): void {
  const { capacity, waiters, holders } = state;
  const sane =
    state.name === name &&
    [capacity, waiters].every((number) => Number.isSafeInteger(number) && number >= 0) &&
    holders.every(
      ({ owner, client, units, fencingToken, remainingTtl }) =>
        [owner, client].every((text) => typeof text === 'string') &&
        Number.isSafeInteger(units) &&
        Number.isSafeInteger(fencingToken) &&
        fencingToken > 0 &&
        Number.isSafeInteger(remainingTtl) &&
        remainingTtl > 0,
    );
  if (!sane) throw new RangeError(`a state of ${JSON.stringify(state)}`);
}

/** Throws unless it may be what a counter says. */
export function checkCount(value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  if (!(Number.isSafeInteger(value) && Number(value) >= -1)) throw new RangeError(`a count of ${value}`);
}

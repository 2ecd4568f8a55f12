import type { IKeyValue } from 'etcd3';
import type { Holder, LockState } from '../core/backend.ts';
import { type Keys, tagOf } from './keys.ts';
import type { EtcdLink } from './link.ts';
import { type Line, readLine, secondsLeft } from './protocol.ts';

/** Reads who holds a lock and how many wait for it. */
export async function readState(link: EtcdLink, keys: Keys, name: string): Promise<LockState> {
  const line = await link.run(readLine(keys.line(name), 1), name);
  return stateOf(link, name, line);
}

/** The state that the beginning of a line shows; asks etcd for the time left on the holder's lease. */
export async function stateOf(
  link: EtcdLink,
  name: string,
  { keys: [first], count }: Pick<Line, 'keys' | 'count'>,
): Promise<LockState> {
  if (!first) return { name, capacity: 1, holders: [], waiters: 0 };
  const holders = [holderOf(first, await remainingMs(link, name, first))];
  return { name, capacity: 1, holders, waiters: count - 1 };
}

function holderOf(key: IKeyValue, remainingTtl: number): Holder {
  const { owner, client } = tagOf(key);
  return { owner, client, units: 1, fencingToken: Number(key.create_revision), remainingTtl };
}

/** Infinity for a key that somebody has put there without a lease. */
async function remainingMs(link: EtcdLink, name: string, key: IKeyValue): Promise<number> {
  if (key.lease === '0') return Number.POSITIVE_INFINITY;
  const seconds = await link.run(secondsLeft(key.lease), name);
  // etcd has whole seconds; no more than was asked for is right for keys of ours.
  return Math.min((seconds ?? 0) * 1_000, tagOf(key).ttlMs ?? Number.POSITIVE_INFINITY);
}

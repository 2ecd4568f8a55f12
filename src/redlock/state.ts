import type { Holder, LockState } from '../core/backend.ts';
import type { Answers } from './poll.ts';
import type { Servers } from './servers.ts';

/**
 * What the servers say of a lock, as one state; undefined while some have not answered, and when it depends on those that
 * have failed. It waits for all since a quorum of answers need not be the quorum that has been refreshed last.
 */
export function mergeStates(
  name: string,
  servers: Servers,
  { given, failed, open }: Answers<LockState>,
): LockState | undefined {
  if (open > 0) return undefined;
  const named = new Map<string, Holder[]>();
  for (const { holders } of given.values()) {
    for (const holder of holders) named.set(holder.owner, [...(named.get(holder.owner) ?? []), holder]);
  }
  const most = Math.max(0, ...[...named.values()].map((holders) => holders.length));
  if (most < servers.quorum && most + failed.size >= servers.quorum) return undefined;
  // The line is where the first one that can say so has it.
  const first = servers.all.find((server) => !failed.has(server));
  const waiters = first && given.get(first)?.waiters;
  if (waiters === undefined) return undefined;
  const agreed = [...named.values()].filter((holders) => holders.length >= servers.quorum);
  return { name, capacity: 1, holders: agreed.map((holders) => merge(holders, servers.quorum)), waiters };
}

/** The lease lasts as long as a quorum remembers it. */
function merge(said: readonly Holder[], quorum: number): Holder {
  const longestFirst = [...said].sort((a, b) => b.remainingTtl - a.remainingTtl);
  const fencingToken = Math.max(...said.map((holder) => holder.fencingToken));
  return { ...(longestFirst[quorum - 1] as Holder), fencingToken };
}

import type { IResponseHeader } from 'etcd3';
import type { EtcdLink } from './link.ts';

/**
 * A leader of etcd renews leases on its own, and ends those that it has not renewed for their TTL. One that stood still,
 * was replaced and wakes does not know what its successor has renewed: it ends leases that live, up to several seconds
 * later, and for a moment renews some that have ended (etcd issue 15247; 3.4.23 does). What it cannot touch is a lease
 * that it does not know: one that was made in a later term. So a renewal is believed only if the leader under which the
 * lease was made is still the leader, by a look through the quorum; otherwise the key moves to a new lease.
 */

/** The term of a leader of etcd: each one's is higher than those of all before it. */
export type Term = number;

/** Equal to no other. */
export const UNKNOWN_TERM: Term = 0;

/** No leader is replaced so soon after a majority has followed it: others wait for an election timeout, 1 s by default. */
const SURELY_ONE_LEADER_MS = 200;

export function termOf({ raft_term }: IResponseHeader): Term {
  return Number(raft_term);
}

/** Whether what has happened since a local instant happened under one leader, if it had to do with the quorum. */
export function isOneReign({ clock }: EtcdLink, since: number): boolean {
  return clock.now() - since <= SURELY_ONE_LEADER_MS;
}

/** Makes a lease, and tells in which term; an answer tells only that it was that one, or one before. */
export async function termOfMaking(link: EtcdLink, make: () => Promise<Term>): Promise<Term> {
  const before = link.term;
  const since = link.clock.now();
  const answered = await make();
  link.term = Math.max(link.term, answered);
  return answered === before || isOneReign(link, since) ? answered : UNKNOWN_TERM;
}

import type { IResponseHeader } from 'etcd3';

/**
 * A leader of etcd renews leases on its own, and ends those that it has not renewed for their TTL. One that stood still,
 * was replaced and wakes does not know what its successor has renewed: it ends leases that live, up to several seconds
 * later, and for a moment renews some that have ended (etcd issue 15247; 3.4.23 does). What it cannot touch is a lease
 * that it does not know: one that was made in a later term. So a renewal is believed only if the leader that was there
 * when the lease was made is still the leader; otherwise the key moves to a new lease.
 */

/** The term of a leader of etcd: each one's is higher than those of all before it. */
export type Term = number;

export const UNKNOWN_TERM: Term = 0;

/** No leader is replaced so soon after a majority has followed it: others wait for an election timeout, 1 s by default. */
const SURELY_ONE_LEADER_MS = 200;

export function termOf({ raft_term }: IResponseHeader): Term {
  return Number(raft_term);
}

/** In which term something was done that a majority had to agree to; an answer tells only in which term it was given. */
export function termIfQuick(answered: Term, tookMs: number): Term {
  return tookMs <= SURELY_ONE_LEADER_MS ? answered : UNKNOWN_TERM;
}

/**
 * Whether a lease was renewed by the very leader under which it was made: `seen` is the term of a look through the quorum
 * that went along with the renewal, both of which took `tookMs`.
 */
export function isSameLeader(madeIn: Term, seen: Term, tookMs: number): boolean {
  return madeIn !== UNKNOWN_TERM && madeIn === termIfQuick(seen, tookMs);
}

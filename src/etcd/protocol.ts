import type { ICompare, IKeyValue, IRangeRequest, IRangeResponse, IRequestOp, IResponseHeader } from 'etcd3';
import { isLeaseGone, isLeaseTaken, unexpectedReply } from './errors.ts';
import type { KeyRange } from './keys.ts';
import type { Call } from './link.ts';
import { type Term, termOf, UNKNOWN_TERM } from './terms.ts';

/**
 * The requests. The keys of a lock stand in line in the order of their create revisions, which are the fences. A key holds
 * if its units and those of all keys before it are within the capacity; of a mutex, that is the first. So once it holds,
 * it goes on holding: nobody gets in before it, and units only ever become fewer. A key lives as long as the lease it is
 * attached to.
 */

/** A key that stands in a line. */
export interface Place {
  readonly key: Buffer;
  readonly createRevision: number;
}

/** What stands right before a place in line. */
export interface Outlook {
  /** Our own key; undefined when it is not there any more. */
  readonly own: Place | undefined;
  /** The key right before it; undefined for the first in line. */
  readonly ahead: IKeyValue | undefined;
  /** The revision at which all this was so. */
  readonly revision: number;
  readonly term: Term;
}

/** What there is at a place in line. */
export interface Finding {
  /** The key with its value and lease; undefined if it is not that of this place any more. */
  readonly key: IKeyValue | undefined;
  readonly term: Term;
}

/** The beginning of a line, oldest first. */
export interface Line {
  readonly keys: readonly IKeyValue[];
  /** How many keys the whole line has. */
  readonly count: number;
  readonly revision: number;
}

const NEWEST_FIRST = { sort_target: 'Create', sort_order: 'Descend' } as const;
const OLDEST_FIRST = { sort_target: 'Create', sort_order: 'Ascend' } as const;

/** Makes a lease, and tells the term of the answer; a resent request finds its own and is content. */
export function grantLease(ID: string, seconds: number): Call<Term> {
  return async (client, options) => {
    try {
      const { header } = await client.leaseClient.leaseGrant({ ID, TTL: seconds }, options);
      return termOf(header);
    } catch (error) {
      if (!isLeaseTaken(error)) throw error;
      return UNKNOWN_TERM;
    }
  };
}

/** Ends a lease and deletes what is attached to it; content with one that has ended. */
export function revokeLease(ID: string): Call<void> {
  return async (client, options) => {
    try {
      await client.leaseClient.leaseRevoke({ ID }, options);
    } catch (error) {
      if (!isLeaseGone(error)) throw error;
    }
  };
}

/** Seconds that a lease has left at most; undefined when there is no such lease. */
export function secondsLeft(ID: string): Call<number | undefined> {
  return async (client, options) => {
    const { TTL, grantedTTL } = await client.leaseClient.leaseTimeToLive({ ID }, options);
    // etcd rounds down what is left.
    return Number(TTL) < 0 ? undefined : Math.min(Number(TTL) + 1, Number(grantedTTL));
  };
}

/** Puts a key at the end of a line, unless it is there already. Undefined when its lease has ended. */
export function join(line: KeyRange, key: Buffer, value: Buffer, lease: string): Call<Outlook | undefined> {
  return put(line, key, value, lease, [isAbsent(key)]);
}

/** As `join`, but only into an empty line: else there is no place of our own in the answer. */
export function joinIfFree(
  line: KeyRange,
  key: Buffer,
  value: Buffer,
  lease: string,
): Call<Outlook | undefined> {
  // A comparison over a range holds if it holds for every key in it.
  return put(line, key, value, lease, [{ ...isAbsent(line.key), range_end: line.range_end } as ICompare]);
}

/** Who is before a place in line, and whether that place is still ours. */
export function lookAhead(line: KeyRange, { key, createRevision }: Place): Call<Outlook> {
  return async (client, options) => {
    const range = { ...line, ...NEWEST_FIRST, limit: 2, max_create_revision: createRevision };
    const { header, kvs } = await client.kv.range(range, options);
    const [own, ahead] = kvs;
    const at = { revision: Number(header.revision), term: termOf(header) };
    if (!own || !isPlace(own, key, createRevision)) return { own: undefined, ahead: undefined, ...at };
    return { own: { key, createRevision }, ahead, ...at };
  };
}

export function readPlace({ key, createRevision }: Place): Call<Finding> {
  return async (client, options) => {
    const { header, kvs } = await client.kv.range({ key }, options);
    return { key: kvs.find((found) => isPlace(found, key, createRevision)), term: termOf(header) };
  };
}

/** The key of a line that has this create revision. */
export function findKey(line: KeyRange, createRevision: number): Call<IKeyValue | undefined> {
  return async (client, options) => {
    const range = { ...line, min_create_revision: createRevision, max_create_revision: createRevision };
    return (await client.kv.range(range, options)).kvs[0];
  };
}

/** Writes a key anew and attaches it to a lease, the same or another, if nobody has touched it since it was read. */
export function rewrite({ key, mod_revision }: IKeyValue, value: Buffer, lease: string): Call<boolean> {
  return async (client, options) => {
    const unchanged: ICompare = { key, target: 'Mod', result: 'Equal', mod_revision };
    const success = [{ request_put: { key, value, lease } }];
    return (await client.kv.txn({ compare: [unchanged], success }, options)).succeeded;
  };
}

/** Deletes a key, if it is still that of this place. */
export function leave({ key, createRevision }: Place): Call<boolean> {
  return async (client, options) => {
    const ours: ICompare = { key, target: 'Create', result: 'Equal', create_revision: createRevision };
    const success = [{ request_delete_range: { key } }];
    return (await client.kv.txn({ compare: [ours], success }, options)).succeeded;
  };
}

/** The first of a line, or all of it, oldest first. */
export function readLine(line: KeyRange, limit?: number): Call<Line> {
  return async (client, options) => {
    const reply = await client.kv.range(oldestOf(line, limit), options);
    return lineOf(reply, reply.header);
  };
}

/** How to ask for the first of a line, or for all of it. */
export function oldestOf(line: KeyRange, limit?: number): IRangeRequest {
  return { ...line, ...OLDEST_FIRST, ...(limit !== undefined && { limit }) };
}

export function lineOf({ kvs, count }: IRangeResponse, { revision }: IResponseHeader): Line {
  return { keys: kvs, count: Number(count), revision: Number(revision) };
}

/** One transaction: the key, if the condition holds, and what was the last in line before it. */
function put(
  line: KeyRange,
  key: Buffer,
  value: Buffer,
  lease: string,
  compare: ICompare[],
): Call<Outlook | undefined> {
  const last: IRequestOp = { request_range: { ...line, ...NEWEST_FIRST, limit: 1 } };
  const success = [last, { request_put: { key, value, lease } }];
  const failure = [{ request_range: { key } }];
  return async (client, options, patienceMs) => {
    try {
      const { header, succeeded, responses } = await client.kv.txn({ compare, success, failure }, options);
      const at = { revision: Number(header.revision), term: termOf(header) };
      const found = responses[0]?.response_range.kvs;
      if (!found) throw unexpectedReply('the line');
      if (succeeded) return { own: { key, createRevision: at.revision }, ahead: found[0], ...at };
      // There already: an earlier sending got through, and whoever was before it has to be looked up.
      const own = found[0] && { key, createRevision: Number(found[0].create_revision) };
      return own ? lookAhead(line, own)(client, options, patienceMs) : { own, ahead: undefined, ...at };
    } catch (error) {
      if (isLeaseGone(error)) return undefined;
      throw error;
    }
  };
}

export function isAbsent(key: Buffer): ICompare {
  return { key, target: 'Create', result: 'Equal', create_revision: 0 };
}

function isPlace(found: IKeyValue, key: Buffer, createRevision: number): boolean {
  return Number(found.create_revision) === createRevision && found.key.equals(key);
}

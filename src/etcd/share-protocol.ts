import type { ICompare, IRequestOp } from 'etcd3';
import { isLeaseGone, unexpectedReply } from './errors.ts';
import type { KeyRange } from './keys.ts';
import type { Call } from './link.ts';
import { isAbsent, type Line, lineOf, oldestOf, type Place } from './protocol.ts';

/** A key to put into the line of a resource that has several units. */
export interface NewKey {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly lease: string;
}

/** What came of putting a key into a line. */
export interface Entry {
  /** Our own key; undefined when it was not put. */
  readonly own: Place | undefined;
  /** The first keys, our own among them if there are so few. */
  readonly line: Line;
}

/**
 * Puts a key at the end of a line, unless it is there already, and looks at the first `limit` keys. Of those with a unit
 * each at least, no more than the capacity can hold. Undefined when the lease has ended.
 */
export function joinShared(line: KeyRange, limit: number, entrant: NewKey): Call<Entry | undefined> {
  return put(line, limit, entrant, isAbsent(entrant.key));
}

/** As `joinShared`, but only if nobody has lined up since `revision`. (Whoever stood there can only have made room.) */
export function joinUnchanged(
  line: KeyRange,
  limit: number,
  entrant: NewKey,
  revision: number,
): Call<Entry | undefined> {
  // A comparison over a range holds if it holds for every key in it.
  const unchanged = { target: 'Create', result: 'Less', create_revision: revision + 1 } as const;
  return put(line, limit, entrant, { ...line, ...unchanged } as ICompare);
}

function put(
  line: KeyRange,
  limit: number,
  { key, value, lease }: NewKey,
  condition: ICompare,
): Call<Entry | undefined> {
  const look: IRequestOp = { request_range: oldestOf(line, limit) };
  const success = [{ request_put: { key, value, lease } }, look];
  const failure = [{ request_range: { key } }, look];
  return async (client, options) => {
    try {
      const txn = { compare: [condition], success, failure };
      const { header, succeeded, responses } = await client.kv.txn(txn, options);
      const [first, second] = responses;
      if (!first || !second) throw unexpectedReply('the line');
      // There already: an earlier sending got through.
      const found = succeeded ? undefined : first.response_range.kvs[0];
      const createRevision = Number(succeeded ? header.revision : found?.create_revision);
      const own = succeeded || found ? { key, createRevision } : undefined;
      return { own, line: lineOf(second.response_range, header) };
    } catch (error) {
      if (isLeaseGone(error)) return undefined;
      throw error;
    }
  };
}

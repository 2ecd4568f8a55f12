import type { Redis } from 'ioredis';
import type { LockState } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import type { ListedLock, LockListing } from '../core/listing.ts';
import { LockBackendError } from '../errors.ts';
import { answerWithin } from './answer-within.ts';
import type { CommandLink } from './command-link.ts';
import { isCluster } from './connection.ts';
import { noAnswer, unexpectedReply } from './errors.ts';
import type { Keys } from './keys.ts';
import type { Protocol } from './protocol.ts';
import { parseState } from './scripts/inspect.ts';
import { readState } from './state-watch.ts';

/** How many keys one SCAN looks at: few enough not to hold up the server, many enough for few round trips. */
const SCAN_COUNT = 1_000;
/** A record of nothing but the fence: nobody holds the lock, and nobody is in line (invariant 6). */
const FREE = /^\d{16}$/;
/** The record of a mutex that says that nobody is in line, and so all there is to say (invariant 6). */
const PLAIN = /^\d{16} /;

interface ListingContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly keys: Keys;
}

/**
 * Finds locks by their keys, with SCAN on every server that has some. Most locks are told by their record alone, many of
 * which are read at a time; only for those that are shared or waited for a script is run. Needs the rights to SCAN and MGET.
 */
export class RedisListing implements LockListing {
  readonly #context: ListingContext;

  constructor(context: ListingContext) {
    this.#context = context;
  }

  async *list(glob: string): AsyncGenerator<readonly ListedLock[], void, undefined> {
    const { redis } = this.#context.link;
    // A cluster knows its nodes once it has answered.
    await this.#answer(redis.ping());
    const seen = new Set<string>();
    for (const node of isCluster(redis) ? redis.nodes('master') : [redis]) {
      let cursor = '0';
      do {
        const [next, keys] = await this.#scan(node, cursor, glob);
        cursor = next;
        const fresh = keys.filter((key) => !seen.has(key));
        for (const key of fresh) seen.add(key);
        const page = fresh.length > 0 ? await this.#read(node, fresh) : [];
        if (page.length > 0) yield page;
      } while (cursor !== '0');
    }
  }

  async read(name: string): Promise<ListedLock> {
    const { serverUs, state } = await readState(this.#context, name, '');
    return listed(serverUs, state);
  }

  #scan(node: Redis, cursor: string, glob: string): Promise<[string, string[]]> {
    const pattern = this.#context.keys.recordsMatching(glob);
    return this.#answer(node.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT));
  }

  async #read(node: Redis, keys: readonly string[]): Promise<ListedLock[]> {
    const { serverUs, records } = await this.#records(node, keys);
    const unclear: string[] = [];
    const locks = keys.flatMap((key, index) => {
      const name = this.#context.keys.nameOf(key);
      const record = records[index];
      // No longer there, or something else than a lock.
      if (name === undefined || record === null || FREE.test(String(record))) return [];
      const read = PLAIN.test(String(record)) ? parseState(name, `${serverUs} 0 ${record}`) : undefined;
      if (!read) unclear.push(name);
      return read && isInUse(read.state) ? [listed(serverUs, read.state)] : [];
    });
    const asked = await Promise.all(unclear.map((name) => this.#ask(name)));
    return [...locks, ...asked.filter((lock) => lock !== undefined)];
  }

  /** What the keys hold, and when; null where there is no text, undefined where this node cannot say. */
  async #records(node: Redis, keys: readonly string[]): Promise<{ serverUs: number; records: unknown[] }> {
    const prefix = node.options.keyPrefix ?? '';
    const given = keys.map((key) => key.slice(prefix.length));
    const pipeline = node.pipeline().time();
    // Keys of several slots cannot be had by one command, even on one node.
    const severally = isCluster(this.#context.link.redis);
    if (severally) for (const key of given) pipeline.get(key);
    else pipeline.mget(given);
    const [time, ...replies] = (await this.#answer(pipeline.exec())) ?? [];
    const serverUs = microseconds(this.#valueOf(time));
    if (severally) return { serverUs, records: replies.map(([error, value]) => (error ? undefined : value)) };
    const records = this.#valueOf(replies[0]);
    if (!Array.isArray(records)) throw unexpectedReply(records, '');
    return { serverUs, records };
  }

  #valueOf([error, value]: readonly [Error | null, unknown] = [null, undefined]): unknown {
    if (error) throw this.#context.link.errorFor(error, '');
    return value;
  }

  /** None if nobody holds it or waits for it. */
  async #ask(name: string): Promise<ListedLock | undefined> {
    try {
      const lock = await this.read(name);
      return isInUse(lock) ? lock : undefined;
    } catch (error) {
      // Something else under a key that looks like ours is no lock.
      if (error instanceof LockBackendError && error.reason === 'foreign') return undefined;
      throw error;
    }
  }

  async #answer<T>(asked: Promise<T>): Promise<T> {
    const { link, clock } = this.#context;
    const late = () => link.outage('') ?? noAnswer(undefined);
    try {
      return await answerWithin(clock, link.patienceMs, asked, late);
    } catch (error) {
      throw error instanceof LockBackendError ? error : link.errorFor(error, '');
    }
  }
}

function isInUse({ holders, waiters }: LockState): boolean {
  return holders.length > 0 || waiters > 0;
}

/** A fence is the server's time of the grant in µs, unless that clock was set back: then it is later than now. */
function listed(serverUs: number, state: LockState): ListedLock {
  const holders = state.holders.map((holder) => {
    return { ...holder, heldFor: Math.max(0, Math.floor((serverUs - holder.fencingToken) / 1_000)) };
  });
  return { ...state, holders };
}

function microseconds(time: unknown): number {
  const [seconds, us] = Array.isArray(time) ? time.map(Number) : [];
  if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(us)) throw unexpectedReply(time, '');
  return Number(seconds) * 1_000_000 + Number(us);
}

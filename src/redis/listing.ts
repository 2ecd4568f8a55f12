import type { Redis } from 'ioredis';
import type { LockState } from '../core/backend.ts';
import { type Clock, pause } from '../core/clock.ts';
import type { ListedLock, LockListing } from '../core/listing.ts';
import { LockBackendError } from '../errors.ts';
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
 * Finds locks by their keys, with SCAN on every server that has some. Most locks are told by their record alone, read by GET
 * many at a time; only for those that are shared or waited for a script is run. Needs the right to SCAN.
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
    const found = keys.flatMap((key) => {
      const name = this.#context.keys.nameOf(key);
      return name === undefined ? [] : [{ key, name }];
    });
    const prefix = node.options.keyPrefix ?? '';
    const pipeline = node.pipeline().time();
    for (const { key } of found) pipeline.get(key.slice(prefix.length));
    const replies = await this.#answer(pipeline.exec());
    const [failure, time] = replies?.[0] ?? [];
    if (failure) throw this.#context.link.errorFor(failure, '');
    const serverUs = microseconds(time);
    const read = found.map(({ name }, index) => this.#look(name, replies?.[index + 1] ?? [null, null], serverUs));
    return (await Promise.all(read)).flatMap((lock) => lock ?? []);
  }

  /** None if nobody holds it or waits for it. */
  async #look(
    name: string,
    [failure, record]: readonly [Error | null, unknown],
    serverUs: number,
  ): Promise<ListedLock | undefined> {
    // It has moved to another node, holds something else than a lock, or is more than its record: the script knows.
    if (failure || typeof record !== 'string' || !(FREE.test(record) || PLAIN.test(record)))
      return this.#ask(name, record);
    const read = FREE.test(record) ? undefined : parseState(name, `${serverUs} 0 ${record}`);
    return read && inUse(listed(read.serverUs, read.state));
  }

  async #ask(name: string, record: unknown): Promise<ListedLock | undefined> {
    // It was there when the server was scanned, and is not any more.
    if (record === null) return undefined;
    try {
      return inUse(await this.read(name));
    } catch (error) {
      // Something else under a key that looks like ours is no lock.
      if (error instanceof LockBackendError && error.reason === 'foreign') return undefined;
      throw error;
    }
  }

  /** ioredis may never settle a command, or settle it much later than anybody cares. */
  async #answer<T>(asked: Promise<T>): Promise<T> {
    const { link, clock } = this.#context;
    const patience = pause(clock, link.patienceMs);
    const late = patience.done.then(() => {
      throw link.outage('') ?? noAnswer(undefined);
    });
    try {
      return await Promise.race([asked, late]);
    } catch (error) {
      throw error instanceof LockBackendError ? error : link.errorFor(error, '');
    } finally {
      // Nobody hears what it throws now.
      late.catch(() => {});
      patience.stop();
    }
  }
}

function inUse(lock: ListedLock): ListedLock | undefined {
  return lock.holders.length > 0 || lock.waiters > 0 ? lock : undefined;
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

import type { Redis } from 'ioredis';
import { type Connection, isCluster } from './connection.ts';
import type { Script } from './script.ts';

/** One script run to be sent. `args` begins with the keys. */
export interface Dispatch {
  readonly script: Script;
  readonly args: readonly (string | number)[];
  /** Called once, with an error of ioredis or of the server, or with the reply. */
  settle(error: unknown, reply: unknown): void;
}

/**
 * What is under way goes in about so many writes: while the server works on one, we read the answers to another and
 * prepare the next. One write for all would make each side wait for the other, one for each costs most.
 */
const WRITES_UNDER_WAY = 4;
const LONGEST_BATCH = 32;

/** Sends scripts over the user's connection without changing it; when busy, a few of those issued in one tick per write. */
export class Dispatcher {
  readonly #redis: Connection;
  /** What holds back its writes until the batch is full or the tick ends. */
  #corked: Redis['stream'] | undefined;
  #gathered = 0;

  constructor(redis: Connection) {
    this.#redis = redis;
  }

  /** `underWay` is how many are not answered yet, with this one. */
  send(dispatch: Dispatch, underWay: number): void {
    const batch = Math.min(Math.ceil(underWay / WRITES_UNDER_WAY), LONGEST_BATCH);
    if (batch > 1 && !this.#corked) this.#cork();
    this.#run('evalsha', dispatch.script.sha, dispatch).then(
      (reply) => dispatch.settle(undefined, reply),
      (error: unknown) => this.#fail(dispatch, error),
    );
    this.#gathered += 1;
    if (this.#corked && this.#gathered >= batch) {
      this.#gathered = 0;
      this.#corked.uncork();
      this.#corked.cork();
    }
  }

  #cork(): void {
    // The nodes of a cluster have a socket each, and a few commands of one tick are rarely for the same.
    if (this.#redis.status !== 'ready' || isCluster(this.#redis)) return;
    this.#corked = this.#redis.stream;
    this.#corked.cork();
    this.#gathered = 0;
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#corked?.uncork();
    this.#corked = undefined;
  };

  #run(command: 'evalsha' | 'eval', code: string, { script, args }: Dispatch): Promise<unknown> {
    try {
      return this.#redis[command](code, script.keys, ...args);
    } catch (error) {
      // A cluster with auto-pipelining throws when it knows no node for a slot. To us that is a failure like any other.
      return Promise.reject(error);
    }
  }

  /** A server that does not know a script (first use, restart, SCRIPT FLUSH) is given its text. */
  #fail(dispatch: Dispatch, error: unknown): void {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) {
      dispatch.settle(error, undefined);
      return;
    }
    this.#run('eval', dispatch.script.lua, dispatch).then(
      (reply) => dispatch.settle(undefined, reply),
      (failure: unknown) => dispatch.settle(failure, undefined),
    );
  }
}

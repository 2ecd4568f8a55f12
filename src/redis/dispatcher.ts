import type { Redis } from 'ioredis';
import type { Script } from './script.ts';

/** One script run to be sent. `args` begins with the two keys. */
export interface Dispatch {
  readonly script: Script;
  readonly args: readonly (string | number)[];
  /** Called once, with an error of ioredis or of the server, or with the reply. */
  settle(error: unknown, reply: unknown): void;
}

const KEY_COUNT = 2;

/**
 * With fewer than this under way, each is written at once: the server then works on the first while we prepare the
 * next. With more, writes are what costs a busy client most.
 */
const BUSY = 32;
/** From this many on, what has gathered is written without waiting for the end of the tick, for the same reason. */
const FULL_BATCH = 16;

/** Sends scripts over the user's connection without changing it; when busy, what is issued in one tick in one write. */
export class Dispatcher {
  readonly #redis: Redis;
  #batch: Dispatch[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** `underWay` is how many are not answered yet, with this one. */
  send(dispatch: Dispatch, underWay: number): void {
    if (underWay < BUSY && this.#batch.length === 0) {
      this.#sendOne(dispatch);
      return;
    }
    const size = this.#batch.push(dispatch);
    if (size === 1) process.nextTick(this.#flush);
    else if (size === FULL_BATCH) this.#flush();
  }

  readonly #flush = (): void => {
    const batch = this.#batch;
    const [first] = batch;
    if (!first) return;
    this.#batch = [];
    if (batch.length === 1) this.#sendOne(first);
    else this.#sendAll(batch);
  };

  #sendOne(dispatch: Dispatch): void {
    this.#redis.evalsha(dispatch.script.sha, KEY_COUNT, ...dispatch.args).then(
      (reply) => dispatch.settle(undefined, reply),
      (error: unknown) => this.#fail(dispatch, error),
    );
  }

  #sendAll(batch: readonly Dispatch[]): void {
    const pipeline = this.#redis.pipeline();
    for (const { script, args } of batch) pipeline.evalsha(script.sha, KEY_COUNT, ...args);
    pipeline.exec().then(
      (results) => {
        for (const [index, dispatch] of batch.entries()) {
          const [error, reply] = results?.[index] ?? [new Error('the pipeline has no result'), undefined];
          if (error) this.#fail(dispatch, error);
          else dispatch.settle(undefined, reply);
        }
      },
      (error: unknown) => {
        for (const dispatch of batch) this.#fail(dispatch, error);
      },
    );
  }

  /** A server that does not know a script (first use, restart, SCRIPT FLUSH) is given its text. */
  #fail(dispatch: Dispatch, error: unknown): void {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) {
      dispatch.settle(error, undefined);
      return;
    }
    this.#redis.eval(dispatch.script.lua, KEY_COUNT, ...dispatch.args).then(
      (reply) => dispatch.settle(undefined, reply),
      (failure: unknown) => dispatch.settle(failure, undefined),
    );
  }
}

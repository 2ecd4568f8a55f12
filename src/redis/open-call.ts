import type { Linked } from '../core/linked-set.ts';
import type { LockBackendError } from '../errors.ts';
import type { Dispatch } from './dispatcher.ts';
import { isReply } from './errors.ts';
import type { Script } from './script.ts';

/** One run of a script. */
export interface ScriptCall {
  readonly script: Script;
  /** The keys, then the other arguments. */
  readonly args: readonly (string | number)[];
  readonly lockName: string;
}

/** Who asked for a script to be run; exactly one of the two is called, once. */
export interface Caller {
  /**
   * `reply` is the server's; with the option `stringNumbers` of ioredis, numbers come as strings. `sentAt` is the local
   * instant before it was sent: the server cannot have run it earlier. `repeated`: it may have run more than once.
   */
  answered(reply: unknown, sentAt: number, repeated: boolean): void;
  failed(error: LockBackendError): void;
  /** An answer that came after `failed`. On a cluster, also what was sent later may have been run before it. */
  answeredLate?(reply: unknown): void;
}

/** What `Caller.answered` is told, as a value. */
export interface Answer {
  readonly reply: unknown;
  readonly sentAt: number;
  readonly repeated: boolean;
}

/** What a call needs of the link it goes over. */
export interface LinkOfCall {
  /** The longest time to wait for the answer to one command. */
  readonly patienceMs: number;
  /** How often the link has been cut so far. What was sent before the latest cut may have run twice. */
  readonly cuts: number;
  /** Forgets a call. False when it was forgotten before. */
  forget(call: OpenCall): boolean;
  /** The server has answered something. */
  heard(): void;
  errorFor(error: unknown, lockName: string): LockBackendError;
}

/** A call that is not answered yet. */
export class OpenCall implements Dispatch, Linked {
  before: Linked | undefined;
  after: Linked | undefined;
  readonly call: ScriptCall;
  readonly sentAt: number;
  readonly until: number;
  readonly #caller: Caller;
  readonly #link: LinkOfCall;
  readonly #cuts: number;

  constructor(call: ScriptCall, caller: Caller, sentAt: number, until: number, link: LinkOfCall) {
    this.call = call;
    this.sentAt = sentAt;
    this.until = Math.min(until, sentAt + link.patienceMs);
    this.#caller = caller;
    this.#link = link;
    this.#cuts = link.cuts;
  }

  get script(): Script {
    return this.call.script;
  }

  get args(): readonly (string | number)[] {
    return this.call.args;
  }

  settle(error: unknown, reply: unknown): void {
    if (!error || isReply(error)) this.#link.heard();
    if (!this.#link.forget(this)) this.#caller.answeredLate?.(reply);
    else if (error) this.#caller.failed(this.#link.errorFor(error, this.call.lockName));
    else this.#caller.answered(reply, this.sentAt, this.#cuts !== this.#link.cuts);
  }

  giveUp(error: LockBackendError): void {
    if (this.#link.forget(this)) this.#caller.failed(error);
  }
}

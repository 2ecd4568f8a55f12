import { leaseDeadline } from '../core/deadline.ts';
import type { LockBackendError } from '../errors.ts';
import { unexpectedReply } from '../redis/errors.ts';
import type { Caller } from '../redis/open-call.ts';
import { type AdoptReply, parseAdoptReply } from '../redis/scripts/adopt.ts';
import type { Server } from './server.ts';

/** What all votes of a ballot are about. */
export interface Motion {
  readonly name: string;
  readonly owner: string;
  readonly ttlMs: number;
  readonly driftFactor: number;
  /** The fence that is proposed now. */
  readonly fence: number;
  /** Local instant at which nobody cares for the answers any more. */
  readonly until: number;
  /** A server has answered, or failed to. */
  heard(vote: Vote): void;
}

type Answer =
  | AdoptReply
  | { readonly kind: 'unasked' }
  | { readonly kind: 'open' }
  | { readonly kind: 'failed'; readonly error: Error };

/** What one server says to a motion. */
export class Vote {
  readonly server: Server;
  answer: Answer = { kind: 'unasked' };
  /** Local instant until which the server certainly keeps the lease it voted for. */
  deadline = 0;
  readonly #motion: Motion;
  #asked = 0;
  #released = false;

  constructor(server: Server, motion: Motion) {
    this.server = server;
    this.#motion = motion;
  }

  /** The server that has granted the lock in the first place needs not be asked. */
  given(deadline: number): void {
    this.answer = { kind: 'voted' };
    this.deadline = deadline;
  }

  /** Asks for it, for the fence that is proposed now; an answer to an earlier question does not count any more. */
  ask(): void {
    const { name, owner, ttlMs, fence, until } = this.#motion;
    const turn = ++this.#asked;
    const caller: Caller = {
      answered: (reply, sentAt) => this.#answered(turn, reply, sentAt),
      failed: (error) => this.#failed(turn, error),
      answeredLate: (reply) => this.#takeBack(parseAdoptReply(reply)),
    };
    this.answer = { kind: 'open' };
    const { link, protocol } = this.server.backend;
    link.send(protocol.adopt(name, owner, ttlMs, fence), until, caller);
  }

  /** Ends the lease here, if there is one, however long it takes to reach the server. */
  giveBack(): void {
    this.#released = true;
    this.server.backend.giveBack(this.#motion.name, this.#motion.owner);
  }

  /** The server has confirmed a release, and kept nothing if `inVain`. */
  released(inVain: boolean): void {
    this.#released = true;
    // A vote of after it may have been answered in the same moment, and be known sooner.
    if (inVain) this.#takeBack(this.answer);
  }

  #answered(turn: number, reply: unknown, sentAt: number): void {
    const { name, ttlMs, driftFactor } = this.#motion;
    const answer = parseAdoptReply(reply);
    this.#takeBack(answer);
    if (turn !== this.#asked) return;
    this.answer = answer ?? { kind: 'failed', error: unexpectedReply(reply, name) };
    this.deadline = leaseDeadline(sentAt, ttlMs, driftFactor);
    this.#motion.heard(this);
  }

  /** A script that the server did not know is sent a second time, and may so come after the release. */
  #takeBack(answer: Answer | undefined): void {
    if (answer?.kind === 'voted' && this.#released) this.giveBack();
  }

  #failed(turn: number, error: LockBackendError): void {
    if (turn !== this.#asked) return;
    this.answer = { kind: 'failed', error };
    this.#motion.heard(this);
  }
}

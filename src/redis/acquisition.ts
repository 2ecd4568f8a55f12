import type { LeaseRequest } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import { driftMs, leaseDeadline } from '../core/deadline.ts';
import { Linked } from '../core/linked-set.ts';
import { Waiter } from '../core/waiter.ts';
import type { LockBackendError } from '../errors.ts';
import type { CommandLink } from './command-link.ts';
import type { Door } from './door.ts';
import { noAnswer, unexpectedReply } from './errors.ts';
import type { InboxMessage } from './inbox-message.ts';
import type { Caller, ScriptCall } from './open-call.ts';
import type { Protocol } from './protocol.ts';
import { type AcquireReply, parseAcquireReply } from './scripts/acquire.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** How far two clocks may run apart, in ms for each ms, before we call it a step of one of them. */
const CLOCK_RATE_TOLERANCE = 0.001;
const CLOCK_READ_TOLERANCE_MS = 1;

/** What an acquisition needs of the client it belongs to. */
export interface AcquisitionContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  /** The room for this name, made when the first waiter is queued. */
  roomFor(name: string): WaitingRoom;
  findRoom(name: string): WaitingRoom | undefined;
  /** Called before the first command after which a message may come. */
  expectMessage(acquisition: Acquisition): void;
  /** A try was refused; or `failure` has kept the server from answering, and may pass by itself. */
  refused(acquisition: Acquisition, failure?: LockBackendError): void;
  /** Called once, when the acquisition is granted or has failed. */
  ended(acquisition: Acquisition): void;
  /** The server may hold something for an acquisition that nobody waits for any more. */
  giveBack(acquisition: Acquisition): void;
}

/** What an answer came to; `settled` needs nothing more. */
type Outcome = 'settled' | 'refused' | 'more' | 'stale';

type GrantMessage = Extract<InboxMessage, { kind: 'granted' }>;

/** One acquire on its way: asked, queued, granted by a reply or by a message. */
export class Acquisition extends Linked implements Caller {
  readonly waiter: Waiter;
  /** Whether the server may know of it. */
  asked = false;
  /** Whether it wants a place in line, and not just to try. */
  queues = false;
  /** The door at which it was the first to come, if it did not just try. */
  door: Door | undefined;
  /** Whether a message about the grant may still come although a reply has told of it. */
  mayBeTold = false;
  readonly #context: AcquisitionContext;
  #tryUntil = 0;
  #arrivalUs: string | undefined;
  #early: GrantMessage | undefined;

  constructor(owner: string, request: LeaseRequest, context: AcquisitionContext) {
    super();
    this.#context = context;
    this.waiter = new Waiter(owner, request, context.clock, () => context.ended(this));
  }

  /** Whether the server has confirmed a place in line. */
  get hasPlace(): boolean {
    return this.#arrivalUs !== undefined;
  }

  /** Asks once, without queueing. What fails for good ends the wait. */
  try(until: number): void {
    this.#tryUntil = until;
    this.#send('try', until);
  }

  /** Asks for the lock, in line; again with the old place. What fails for good ends the wait. */
  ask(): void {
    this.#queue();
    this.#send(this.#arrivalUs ?? 'queue', this.waiter.request.deadline);
  }

  /** As `ask`, until there is an answer; `failure` is what has kept the server from answering so far. Never rejects. */
  async askAgain(failure?: LockBackendError): Promise<void> {
    const { name, deadline } = this.waiter.request;
    const moot = () => this.waiter.outcome !== 'waiting';
    this.#queue();
    try {
      for (let reason = failure; ; reason = undefined) {
        this.asked = true;
        const call = this.#call(this.#arrivalUs ?? 'queue');
        const answer = await this.#context.link.persist(call, deadline, { moot, failure: reason });
        const outcome = answer && this.#take(answer.reply, answer.sentAt, true);
        if (moot() || (outcome !== 'more' && outcome !== 'stale')) return;
        if (this.#context.clock.now() >= deadline) throw tooLate(name);
      }
    } catch (error) {
      this.waiter.fail(error);
    }
  }

  answered(reply: unknown, sentAt: number, repeated: boolean): void {
    const outcome = this.#take(reply, sentAt, repeated);
    if (outcome === 'settled' || this.waiter.outcome !== 'waiting') return;
    if (this.queues) {
      void this.askAgain();
    } else if (outcome === 'more') {
      this.try(this.#tryUntil);
    } else if (outcome === 'stale') {
      this.#context.refused(this, tooLate(this.waiter.request.name));
    } else {
      this.asked = false;
      this.#context.refused(this);
    }
  }

  failed(error: LockBackendError): void {
    if (!error.retryable) this.waiter.fail(error);
    else if (this.waiter.outcome !== 'waiting') return;
    else if (this.queues) void this.askAgain(error);
    else this.#context.refused(this, error);
  }

  /** A releaser says that it has granted to us. */
  receive(message: GrantMessage): void {
    const { waiter } = this;
    const anchor = this.#context.findRoom(waiter.request.name)?.anchor;
    if (!anchor) {
      // It has overtaken the reply to our enqueue, which will date it.
      this.#early = message;
      return;
    }
    const now = this.#context.clock.now();
    const grantedAt = anchor.sentAt + (message.grantedAtUs - anchor.serverUs) / 1_000;
    const tolerance = CLOCK_READ_TOLERANCE_MS + (now - anchor.sentAt) * CLOCK_RATE_TOLERANCE;
    const deadline = leaseDeadline(Math.min(grantedAt, now), message.ttlMs);
    // In the future, or already over: a clock was stepped or the message is old. Only the server can tell.
    if (grantedAt > now + tolerance || deadline <= now) void this.askAgain();
    else waiter.grant(message.fencingToken, deadline);
  }

  #queue(): void {
    if (this.queues) return;
    this.queues = true;
    this.#context.expectMessage(this);
  }

  #send(place: string, until: number): void {
    this.asked = true;
    this.#context.link.send(this.#call(place), until, this);
  }

  #call(place: string): ScriptCall {
    const { name, ttlMs } = this.waiter.request;
    return this.#context.protocol.acquire(name, this.waiter.owner, ttlMs, place);
  }

  /** `again`: the server may have been asked before, and so have granted before. */
  #take(raw: unknown, sentAt: number, again: boolean): Outcome {
    const { waiter } = this;
    this.mayBeTold = again;
    // The common case: a free lock, and no need to look any further.
    if (typeof raw === 'number' && waiter.outcome === 'waiting') {
      return this.#granted(raw, waiter.request.ttlMs, sentAt);
    }
    const reply = parseAcquireReply(raw, waiter.request.ttlMs);
    if (!reply) {
      waiter.fail(unexpectedReply(raw, waiter.request.name));
      return 'settled';
    }
    if (reply.kind === 'refused' || reply.kind === 'more') return reply.kind;
    // The answer comes after we gave up; whatever it gave must be given back.
    if (waiter.outcome === 'failed') this.#context.giveBack(this);
    if (waiter.outcome !== 'waiting') return 'settled';
    if (reply.lost) void this.#context.findRoom(waiter.request.name)?.askNeighbours(this);
    if (reply.kind === 'queued') this.#queued(reply, sentAt);
    else return this.#granted(reply.fencingToken, reply.leftMs, sentAt);
    return 'settled';
  }

  #granted(fencingToken: number, leftMs: number, sentAt: number): Outcome {
    const deadline = sentAt + leftMs - driftMs(this.waiter.request.ttlMs);
    if (deadline <= this.#context.clock.now()) return 'stale';
    this.waiter.grant(fencingToken, deadline);
    return 'settled';
  }

  #queued({ arrivalUs, serverUs, leftMs }: Extract<AcquireReply, { kind: 'queued' }>, sentAt: number): void {
    this.#arrivalUs = arrivalUs;
    this.#context.roomFor(this.waiter.request.name).admit(this, { sentAt, serverUs }, leftMs);
    this.waiter.startTimer();
    const early = this.#early;
    this.#early = undefined;
    if (early) this.receive(early);
  }
}

/** A lease that was over before we heard of it is of no use. */
function tooLate(lockName: string): LockBackendError {
  const cause = new Error('the answer took longer than the lease is long');
  return noAnswer(cause, lockName);
}

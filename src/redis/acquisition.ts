import type { LeaseRequest } from '../core/backend.ts';
import { driftMs, leaseDeadline } from '../core/deadline.ts';
import type { PokeReason, WakeSource } from '../core/diagnostics.ts';
import { notePoke } from '../core/tracing.ts';
import { Waiter } from '../core/waiter.ts';
import { LockBackendError, LockCapacityError } from '../errors.ts';
import type { AcquisitionContext } from './acquisition-context.ts';
import type { Door } from './door.ts';
import { answeredTooLate, unexpectedReply, unfinished } from './errors.ts';
import type { InboxMessage } from './inbox-message.ts';
import type { Caller, ScriptCall } from './open-call.ts';
import { isFence } from './outcome.ts';
import type { Place } from './protocol.ts';
import { type AcquireReply, parseAcquireReply } from './scripts/acquire.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** How far two clocks may run apart, in ms for each ms, before we call it a step of one of them. */
const CLOCK_RATE_TOLERANCE = 0.001;
const CLOCK_READ_TOLERANCE_MS = 1;

/** What a grant came by if whoever has it asked again, and why. */
const WAKES: Readonly<Record<PokeReason, WakeSource>> = {
  due: 'poke',
  forgotten: 'poke',
  unfinished: 'poke',
  // It was handed over; the answer only says until when.
  undated: 'handoff',
  reconnected: 'reconnect',
  unanswered: 'reconnect',
};

/** What an answer came to; `settled` needs nothing more. */
type Outcome = 'settled' | 'refused' | 'more' | 'stale';

type GrantMessage = Extract<InboxMessage, { kind: 'granted' }>;

/** One acquire on its way: asked, queued, granted by a reply or by a message. */
export class Acquisition extends Waiter implements Caller {
  /** Whether the server may know of it. */
  asked = false;
  /** Whether it wants a place in line, and not just to try. */
  queues = false;
  /** The door at which it came in, if it had to. */
  door: Door | undefined;
  /** Where it waits, once it has a place in line. */
  room: WaitingRoom | undefined;
  readonly #context: AcquisitionContext;
  #tryUntil: number | undefined;
  #arrivalUs: number | undefined;
  #early: GrantMessage | undefined;

  constructor(owner: string, request: LeaseRequest, context: AcquisitionContext) {
    super(owner, request, context.deadlines);
    this.#context = context;
  }

  /** Whether the server has confirmed a place in line. */
  get hasPlace(): boolean {
    return this.#arrivalUs !== undefined;
  }

  /** Asks once, without queueing. What fails for good ends the wait. */
  try(until = this.deadline): void {
    this.#tryUntil = until;
    this.#send('try', until);
  }

  /** Asks for the lock, in line; again with the old place. What fails for good ends the wait. */
  ask(): void {
    // First of all on its way: no answer can come before we are through.
    this.#send(this.#arrivalUs, this.deadline);
    this.#queue();
  }

  /** As `ask`, until there is an answer; `failure` is what has kept the server from answering so far. Never rejects. */
  async askAgain(why: PokeReason, failure?: LockBackendError): Promise<void> {
    const { deadline } = this;
    const { name } = this.request;
    const moot = () => this.outcome !== 'waiting';
    if (moot()) return;
    notePoke(name, this.owner, why);
    this.#queue();
    try {
      for (let reason = failure; ; reason = undefined) {
        this.asked = true;
        const call = this.#call(this.#arrivalUs);
        const answer = await this.#context.link.persist(call, deadline, { moot, failure: reason });
        const outcome = answer && this.#take(answer.reply, answer.sentAt, WAKES[why]);
        if (moot() || (outcome !== 'more' && outcome !== 'stale')) return;
        if (this.#context.clock.now() >= deadline) throw answeredTooLate(name);
      }
    } catch (error) {
      this.fail(this.#whyUnanswered(error));
    }
  }

  answered(reply: unknown, sentAt: number, repeated: boolean): void {
    const outcome = this.#take(reply, sentAt, repeated ? 'reconnect' : 'reply');
    if (outcome === 'settled' || this.outcome !== 'waiting') return;
    if (this.queues) {
      void this.askAgain('unfinished');
    } else if (outcome === 'more') {
      this.#tryAgain();
    } else if (outcome === 'stale') {
      this.#context.refused(this, answeredTooLate(this.request.name));
    } else {
      this.asked = false;
      this.#context.refused(this);
    }
  }

  failed(error: LockBackendError): void {
    if (!error.retryable) this.fail(error);
    else if (this.outcome !== 'waiting') return;
    else if (this.queues) void this.askAgain('unanswered', error);
    else this.#context.refused(this, error);
  }

  answeredLate(raw: unknown): void {
    const reply = this.outcome === 'waiting' ? undefined : parseAcquireReply(raw, this.request.ttlMs);
    if (reply) this.#surplus(reply);
  }

  /** A releaser says that it has granted to us. */
  receive(message: GrantMessage): void {
    const anchor = (this.room ?? this.#context.findRoom(this.request.name))?.anchor;
    if (!anchor) {
      // It has overtaken the reply to our enqueue, which will date it.
      this.#early = message;
      return;
    }
    const now = this.#context.clock.now();
    const grantedAt = anchor.sentAt + (message.grantedAtUs - anchor.serverUs) / 1_000;
    const tolerance = CLOCK_READ_TOLERANCE_MS + (now - anchor.sentAt) * CLOCK_RATE_TOLERANCE;
    const deadline = leaseDeadline(Math.min(grantedAt, now), this.request.ttlMs);
    // In the future, or already over: a clock was stepped or the message is old. Only the server can tell.
    if (grantedAt > now + tolerance || deadline <= now) void this.askAgain('undated');
    else this.#handedOver(message.fencingToken, deadline);
  }

  protected override whyTooLate(): unknown {
    return (this.hasPlace ? undefined : this.door?.failure) ?? this.timeoutError();
  }

  protected ended(): void {
    this.#context.forget(this);
  }

  /** Only time ends the repetition of what may pass by itself; whether that or the alarm is noticed first must not matter. */
  #whyUnanswered(error: unknown): unknown {
    const late = error instanceof LockBackendError && error.retryable;
    return late && this.hasPlace ? this.timeoutError() : error;
  }

  /** The line had dead waiters. A try takes no longer than any command may; whoever waits then goes on in line. */
  #tryAgain(): void {
    const { clock, link } = this.#context;
    if (clock.now() < this.request.askedAt + link.patienceMs) this.try(this.#tryUntil);
    else this.#context.refused(this, unfinished(this.request.name));
  }

  #queue(): void {
    if (this.queues) return;
    this.queues = true;
    this.#context.expectMessage(this);
  }

  #send(place: Place | undefined, until: number): void {
    this.asked = true;
    this.#context.link.send(this.#call(place), until, this);
  }

  #call(place: Place | undefined): ScriptCall {
    return this.#context.protocol.acquire(this.request, this.owner, place);
  }

  /** Unless it is a plain `reply`, the server may have been asked before, and so have granted before. */
  #take(raw: unknown, sentAt: number, wake: WakeSource): Outcome {
    // The common case: a free lock, and no need to look any further.
    if (typeof raw === 'number' && isFence(raw) && this.outcome === 'waiting') {
      return this.#granted(raw, this.request.ttlMs, sentAt, wake);
    }
    const reply = parseAcquireReply(raw, this.request.ttlMs);
    // Whoever asks for a place in line is never refused.
    if (!reply || (reply.kind === 'refused' && this.queues)) {
      this.fail(unexpectedReply(raw, this.request.name));
      return 'settled';
    }
    if (reply.kind === 'refused' || reply.kind === 'more') return reply.kind;
    if (reply.kind === 'capacity') {
      this.fail(new LockCapacityError(this.request.name, this.request.capacity, reply.actual));
      return 'settled';
    }
    if (this.outcome !== 'waiting') {
      this.#surplus(reply);
      return 'settled';
    }
    if (reply.lost) this.#context.placeLost(this);
    if (reply.kind === 'queued') this.#queued(reply, sentAt);
    else return this.#granted(reply.fencingToken, reply.leftMs, sentAt, wake);
    return 'settled';
  }

  /** An answer of which we have no use any more: whatever it gave must be given back. */
  #surplus(reply: AcquireReply): void {
    // A message may have told of the same grant. A cluster may also have run this after our release of that.
    const anew = reply.kind === 'granted' && reply.fencingToken !== this.lease?.fencingToken;
    if (this.outcome === 'failed' || anew) this.#context.giveBack(this);
  }

  #granted(fencingToken: number, leftMs: number, sentAt: number, wake: WakeSource): Outcome {
    const deadline = sentAt + leftMs - driftMs(this.request.ttlMs);
    if (deadline <= this.#context.clock.now()) return 'stale';
    this.grant(fencingToken, deadline, wake);
    // A message about it may still come.
    if (this.lease && wake !== 'reply') this.#context.told(this.lease);
    return 'settled';
  }

  #handedOver(fencingToken: number, deadline: number): void {
    this.handOver(fencingToken, deadline);
    // Should the message come twice, the second is no surprise.
    if (this.lease) this.#context.told(this.lease);
  }

  #queued({ arrivalUs, serverUs, leftMs }: Extract<AcquireReply, { kind: 'queued' }>, sentAt: number): void {
    this.#arrivalUs = arrivalUs;
    const now = this.#context.clock.now();
    this.#context.placed(this, { sentAt, serverUs }, leftMs, now);
    this.startTimer(now);
    const early = this.#early;
    this.#early = undefined;
    if (early) this.receive(early);
  }
}

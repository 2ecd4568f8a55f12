import type { Grant, LeaseRequest } from '../core/backend.ts';
import { backoffMs } from '../core/backoff.ts';
import type { Alarm } from '../core/clock.ts';
import type { DeadlineQueue } from '../core/deadline-queue.ts';
import type { WakeSource } from '../core/diagnostics.ts';
import { Waiter } from '../core/waiter.ts';
import { LockBackendError, LockClosedError } from '../errors.ts';
import { answeredTooLate } from '../redis/errors.ts';
import { Ballot, type BallotContext, type BallotEvents } from './ballot.ts';
import type { Server } from './server.ts';
import type { Failures } from './servers.ts';
import { Turn, type TurnTaker } from './turn.ts';

const RETRY_BASE_MS = 50;
const RETRY_LONGEST_MS = 1_000;

/** What an acquisition needs of the client it belongs to. */
export interface AcquisitionContext extends BallotContext {
  readonly deadlines: DeadlineQueue;
  readonly patienceMs: number;
  /** Called once, when the acquisition is granted, refused or has failed. */
  settled(acquisition: RedlockAcquisition): void;
}

/**
 * One acquire on its way: it waits for its turn on one server, then asks the others. Whoever is outvoted gives back all
 * it has and waits in the line behind whoever is in the way. So nobody holds anything while waiting, and the
 * release there is what ends the wait.
 */
export class RedlockAcquisition extends Waiter implements TurnTaker, BallotEvents {
  readonly #context: AcquisitionContext;
  /** Whether it waits in line, and not just tries. */
  readonly #waits: boolean;
  /** Servers where it cannot wait, and why. */
  readonly #barred = new Map<Server, Error>();
  #turn: Turn | undefined;
  #ballot: Ballot | undefined;
  #pause: Alarm | undefined;
  #outages = 0;
  /** By what its turn came. */
  #wake: WakeSource = 'reply';

  constructor(request: LeaseRequest, waits: boolean, context: AcquisitionContext) {
    super('', request, context.deadlines);
    this.#context = context;
    this.#waits = waits;
  }

  /** A try may take as long as the answer to one command. */
  override get deadline(): number {
    return this.#waits ? this.request.deadline : this.request.askedAt + this.#context.patienceMs;
  }

  /** The ballot that was won. */
  get ballot(): Ballot | undefined {
    return this.#ballot;
  }

  /** The server where it waits for its turn. */
  get waitsAt(): Server | undefined {
    return this.#turn?.server;
  }

  /** Gets in line, at `place` if that can be asked. */
  start(place?: Server): void {
    if (this.outcome !== 'waiting') return;
    const { servers } = this.#context;
    const { name } = this.request;
    if (servers.usable.length < servers.quorum) {
      this.#sitOut(servers.outages(name));
      return;
    }
    const server = place?.usable ? place : servers.first(this.#barred);
    if (!server) {
      this.#sitOut(this.#obstacles);
      return;
    }
    const turn = new Turn(server, this);
    this.#turn = turn;
    if (this.#waits) server.backend.acquire(turn);
    else server.backend.tryAcquire(turn);
  }

  /** The server where it waits is lost: on to the next. */
  move(): void {
    this.#endTurn();
    this.start();
  }

  /** Something has changed: those who sit out an outage need not wait any longer. */
  wake(): void {
    if (this.#pause) this.#resume();
  }

  turnCame(turn: Turn, grant: Grant, wake: WakeSource = 'reply'): void {
    this.#turn = undefined;
    this.#wake = wake;
    this.owner = grant.owner;
    const ballot = new Ballot(grant, turn.server, this.deadline, this.#context, this);
    this.#ballot = ballot;
    // The turn may have come too late: then what was granted is given back.
    this.startTimer();
    if (this.outcome === 'waiting') ballot.start();
  }

  turnRefused(): void {
    this.#turn = undefined;
    this.refuse();
  }

  turnFailed(turn: Turn, reason: unknown): void {
    // Cancelled by us, whatever for.
    if (turn !== this.#turn) return;
    this.#turn = undefined;
    if (!(reason instanceof LockBackendError)) {
      this.fail(reason);
      return;
    }
    // What waits on a server persists there: an error that comes nevertheless will not pass, and a try tries once.
    this.#barred.set(turn.server, reason);
    const obstacles = this.#obstacles;
    if (this.#context.clock.now() < this.deadline) this.start();
    else if (this.#context.servers.lacksQuorum(obstacles)) this.fail(this.#quorumError(obstacles));
    else this.fail(reason);
  }

  won(fencingToken: number, deadline: number): void {
    if (deadline > this.#context.clock.now()) {
      this.grant(fencingToken, deadline, this.#wake);
      return;
    }
    this.#giveBack();
    if (this.#waits) this.start();
    else this.fail(answeredTooLate(this.request.name));
  }

  outvoted(at: Server | undefined): void {
    this.#giveBack();
    if (this.#waits) this.start(at);
    else this.refuse();
  }

  unanswered(failures: Failures): void {
    this.#giveBack();
    this.#sitOut(failures);
  }

  override deadlinePassed(): void {
    // A try that others have kept from its quorum all the time is refused.
    if (this.#waits || this.#ballot?.lacksAnswers) super.deadlinePassed();
    else this.refuse();
  }

  protected override whyTooLate(): unknown {
    if (this.#pause) return this.#quorumError(this.#obstacles);
    return this.#ballot?.lacksAnswers ? this.#quorumError(this.#ballot.failures) : this.timeoutError();
  }

  protected ended(): void {
    this.#pause?.cancel();
    this.#endTurn();
    if (this.outcome !== 'granted') this.#giveBack();
    this.#context.settled(this);
  }

  /** Too few servers can be asked: until that changes, or a while has passed, nothing is sent. */
  #sitOut(failures: Failures): void {
    const error = this.#quorumError(failures);
    if (!this.#waits || !error.retryable) {
      this.fail(error);
      return;
    }
    const { clock } = this.#context;
    this.startTimer();
    const delayMs = RETRY_BASE_MS + backoffMs(this.#outages, RETRY_BASE_MS, RETRY_LONGEST_MS);
    this.#outages += 1;
    this.#pause = clock.callAt(clock.now() + delayMs, () => this.#resume());
  }

  #resume(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    this.start();
  }

  /** What is known to keep servers from being asked. */
  get #obstacles(): Failures {
    return new Map([...this.#context.servers.outages(this.request.name), ...this.#barred]);
  }

  #quorumError(failures: Failures): LockBackendError {
    return this.#context.servers.error(failures, this.request.name);
  }

  #giveBack(): void {
    this.#ballot?.giveBack();
    this.#ballot = undefined;
  }

  #endTurn(): void {
    const turn = this.#turn;
    this.#turn = undefined;
    turn?.canceller?.cancel(new LockClosedError('nobody waits for this any more', this.request.name));
  }
}

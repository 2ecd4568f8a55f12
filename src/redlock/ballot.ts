import type { Grant } from '../core/backend.ts';
import type { Alarm, Clock } from '../core/clock.ts';
import { DRIFT_FACTOR } from '../core/deadline.ts';
import { outranks } from './rank.ts';
import type { Server } from './server.ts';
import type { Failures, Servers } from './servers.ts';
import { type Motion, Vote } from './vote.ts';

/** How often those who refused are asked again: their holder's release may be on its way. */
const ROUNDS = 6;
/** After so many rounds, whoever is still in the way is not about to leave. */
const PATIENT_ROUNDS = 4;
const ROUND_MS = 1;
const ROUND_GROWTH = 3;
const LONGEST_ROUND_MS = 250;
/** A lease ends at a whole ms of the server's clock. */
const LEASE_MARGIN_MS = 1;

/** What a ballot is held with. */
export interface BallotContext {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly driftFactor: number;
}

/** What becomes of a ballot; exactly one of these is called, once, unless it is closed before. */
export interface BallotEvents {
  /** A quorum keeps the lease with this fence, until this local instant at least. */
  won(fencingToken: number, deadline: number): void;
  /** Others are in the way; `at` is the server where it is best to wait for them, if there is one. */
  outvoted(at: Server | undefined): void;
  /** Too few servers have answered. */
  unanswered(failures: Failures): void;
}

/**
 * Whoever was granted the lock on one server asks the others, all at once, to adopt lease and fence. A quorum that
 * has adopted one and the same fence decides: any two quorums have a server in common, so the next fence is higher.
 */
export class Ballot implements Motion {
  readonly name: string;
  readonly owner: string;
  readonly ttlMs: number;
  readonly until: number;
  fence: number;
  readonly #context: BallotContext;
  readonly #events: BallotEvents;
  readonly #outages: Map<Server, Error>;
  /** The first is that of the server which has granted already. */
  readonly #votes: Vote[] = [];
  readonly #startedAt: number;
  #rounds = 0;
  #roundMs = ROUND_MS;
  #alarm: Alarm | undefined;
  /** Those before the server that has granted, until they have been asked. */
  #earlier: readonly Vote[] = [];
  #over = false;

  /** `grant` is that of the server `first`; nobody cares for the outcome after `until`. */
  constructor(grant: Grant, first: Server, until: number, context: BallotContext, events: BallotEvents) {
    const { servers, clock, driftFactor } = context;
    this.name = grant.name;
    this.owner = grant.owner;
    this.ttlMs = grant.ttlMs;
    this.fence = grant.fencingToken;
    this.until = until;
    this.#context = context;
    this.#events = events;
    this.#startedAt = clock.now();
    this.#outages = servers.outages(grant.name);
    this.#outages.delete(first);
    for (const server of [first, ...servers.all]) {
      const asked = server !== first || this.#votes.length === 0;
      if (asked && !this.#outages.has(server)) this.#votes.push(new Vote(server, this));
    }
    this.#votes[0]?.given(grant.deadline - grant.ttlMs * (driftFactor - DRIFT_FACTOR));
  }

  get driftFactor(): number {
    return this.#context.driftFactor;
  }

  /** Who may keep something for this owner, the server that granted first at the end. */
  get votes(): readonly Vote[] {
    const [first, ...others] = this.#votes;
    return first ? [...others, first] : others;
  }

  /** What keeps servers from answering, as far as it is known. */
  get failures(): Failures {
    const failures = new Map(this.#outages);
    for (const { server, answer } of this.#votes) {
      if (answer.kind === 'failed') failures.set(server, answer.error);
      if (answer.kind === 'open') failures.set(server, server.outage(this.name));
    }
    return failures;
  }

  /** Whether so many servers have failed, or not answered yet, that there is no quorum among the others. */
  get lacksAnswers(): boolean {
    return this.#context.servers.lacksQuorum(this.failures);
  }

  /**
   * Asks all at once. But where the line is another than that of the first server, because that was not to be reached for
   * a while, that one is asked before the others: who is refused there goes over to its line, so that the two become one.
   */
  start(): void {
    const [first, ...others] = this.#votes;
    const { all } = this.#context.servers;
    this.#earlier = others.filter(({ server }) => first && all.indexOf(server) < all.indexOf(first.server));
    for (const vote of this.#earlier) vote.ask();
    this.#look();
  }

  /** Nobody waits for the outcome any more. */
  close(): void {
    this.#over = true;
    this.#alarm?.cancel();
  }

  /** Ends the lease wherever there may be one. */
  giveBack(): void {
    this.close();
    for (const vote of this.votes) vote.giveBack();
  }

  heard({ answer }: Vote): void {
    if (this.#over) return;
    const { clock } = this.#context;
    // A release that is on its way takes as long as our question did, more or less.
    if (answer.kind === 'held' && this.#rounds === 0) {
      this.#roundMs = Math.max(ROUND_MS, clock.now() - this.#startedAt);
    }
    this.#look();
  }

  /** Whether the servers that are asked before the others let us go on. */
  #maySpread(): boolean {
    if (this.#earlier.some(({ answer }) => answer.kind === 'open')) return false;
    const refusal = this.#earlier.find(({ answer }) => answer.kind === 'held');
    this.#earlier = [];
    if (refusal) this.#end(() => this.#events.outvoted(refusal.server));
    return refusal === undefined;
  }

  #look(): void {
    const unasked = this.#votes.filter(({ answer }) => answer.kind === 'unasked');
    if (unasked.length > 0) {
      if (!this.#maySpread()) return;
      for (const vote of unasked) vote.ask();
    }
    const { quorum } = this.#context.servers;
    const voted = this.#count('voted');
    if (voted >= quorum) {
      this.#win();
      return;
    }
    const sure = voted + this.#count('open');
    const behind = this.#count('behind');
    const refused = behind + this.#count('held');
    if (sure + refused < quorum) this.#end(() => this.#events.unanswered(this.failures));
    else if (sure < quorum && this.#isLost()) this.#end(() => this.#events.outvoted(this.#whereToWait()));
    else if (sure < quorum && behind > 0 && this.#rounds < ROUNDS) this.#askAgain();
    else if (refused > 0 && this.#rounds < ROUNDS) this.#alarm ??= this.#scheduleRound();
  }

  #count(kind: Vote['answer']['kind']): number {
    let count = 0;
    for (const { answer } of this.#votes) if (answer.kind === kind) count += 1;
    return count;
  }

  #win(): void {
    const deadlines = this.#votes.flatMap(({ answer, deadline }) =>
      answer.kind === 'voted' ? deadline : [],
    );
    this.#end(() => this.#events.won(this.fence, Math.min(...deadlines)));
  }

  /**
   * Of two who are in each other's way one has to give way. Each may see only some of the other's servers, so their
   * number would not tell both the same; their rank does.
   */
  #isLost(): boolean {
    if (this.#rounds >= ROUNDS) return true;
    if (this.#rounds < PATIENT_ROUNDS) return false;
    const rival = this.#rival();
    if (!rival) return false;
    return rival.servers.length >= this.#context.servers.quorum || outranks(rival.owner, this.owner);
  }

  /** Who else has most of the servers; of several the one of the highest rank. */
  #rival(): { owner: string; servers: Server[] } | undefined {
    const rivals = new Map<string, Server[]>();
    for (const { server, answer } of this.#votes) {
      if (answer.kind === 'held') rivals.set(answer.holder, [...(rivals.get(answer.holder) ?? []), server]);
    }
    let most: { owner: string; servers: Server[] } | undefined;
    for (const [owner, servers] of rivals) {
      const lead = servers.length - (most?.servers.length ?? 0);
      if (lead > 0 || (lead === 0 && most && outranks(owner, most.owner))) most = { owner, servers };
    }
    return most;
  }

  #whereToWait(): Server | undefined {
    const { servers } = this.#context;
    const theirs = this.#rival()?.servers;
    return servers.all.find((server) => server.usable && theirs?.includes(server));
  }

  #scheduleRound(): Alarm {
    const { clock } = this.#context;
    const longest = Math.min(this.#roundMs * ROUND_GROWTH ** this.#rounds, LONGEST_ROUND_MS);
    const left = this.#votes.map(({ answer }) =>
      answer.kind === 'held' ? answer.leftMs + LEASE_MARGIN_MS : longest,
    );
    const delay = Math.min(longest * (0.5 + Math.random() / 2), ...left);
    return clock.callAt(clock.now() + delay, () => this.#askAgain());
  }

  /** Those who refused; all if one of them knows a higher fence, since a quorum has to have the same. */
  #askAgain(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#rounds += 1;
    const highest = Math.max(
      ...this.#votes.map(({ answer }) => (answer.kind === 'behind' ? answer.fence : 0)),
    );
    if (highest > 0) this.fence = Math.max(this.fence, highest) + 1;
    for (const vote of this.#votes) {
      const { kind } = vote.answer;
      if (kind === 'held' || (highest > 0 && kind !== 'failed')) vote.ask();
    }
  }

  #end(tell: () => void): void {
    this.close();
    tell();
  }
}

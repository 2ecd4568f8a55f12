import type { IEvent } from 'etcd3';
import { LockBackendError } from '../errors.ts';
import type { Chores } from './chores.ts';
import type { KeyRange } from './keys.ts';
import type { EtcdLink } from './link.ts';
import { type Place, readLine } from './protocol.ts';
import { idOf, Standings } from './standings.ts';
import type { Watches } from './watches.ts';

export interface LineContext {
  readonly link: EtcdLink;
  readonly watches: Watches;
  readonly chores: Chores;
}

/** Who waits in a line for its units; told of one thing once, or of more. */
export interface Candidate {
  readonly place: Place;
  readonly capacity: number;
  /** Its units are free. */
  onTurn(): void;
  /** Its key is not there any more. */
  onGone(): void;
  /** It stands behind somebody who uses the lock with this other capacity. */
  onClash(capacity: number): void;
  /** The line cannot be followed any more. */
  onEnd(failure: LockBackendError): void;
}

/** The line of one lock with several units, as long as somebody here waits in it: one watch for all of them. */
export class FollowedLine {
  readonly #context: LineContext;
  readonly #name: string;
  readonly #range: KeyRange;
  readonly #candidates = new Map<string, Candidate>();
  #standings: Standings | undefined;
  /** What has come while the line was yet to be read. */
  #early: IEvent[] = [];
  /** The revision at which it was read: what has happened until then is in it. */
  #readAt = 0;
  /** The last revision that we know of. */
  #seen = 0;
  #unwatch: () => void;
  /** How many watches there were. */
  #watched = 0;
  #failure: LockBackendError | undefined;
  #stopped = false;

  constructor(context: LineContext, name: string, range: KeyRange) {
    this.#context = context;
    this.#name = name;
    this.#range = range;
    this.#unwatch = this.#watch();
  }

  get idle(): boolean {
    return this.#candidates.size === 0;
  }

  add(candidate: Candidate): void {
    this.#candidates.set(idOf(candidate.place.key), candidate);
    if (this.#failure) candidate.onEnd(this.#failure);
    else this.#judge(candidate);
  }

  delete({ place }: Candidate): void {
    this.#candidates.delete(idOf(place.key));
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch();
  }

  /** First watched, then read: a watch that began in the past would be late. */
  #watch(): () => void {
    const number = ++this.#watched;
    // A look that belongs to an earlier watch may leave a gap before the news of this one.
    const moot = () => this.#stopped || number !== this.#watched;
    return this.#context.watches.watch({
      ...this.#range,
      deletionsOnly: false,
      from: 0,
      onBegin: () => this.#context.chores.add(this.#read(moot)),
      onEvents: (events) => this.#onEvents(events),
      onEnd: (failure) => {
        if (failure) this.#end(failure);
        else this.#startAnew();
      },
    });
  }

  /** etcd has forgotten some of what happened. */
  #startAnew(): void {
    this.#standings = undefined;
    this.#unwatch = this.#watch();
  }

  async #read(moot: () => boolean): Promise<void> {
    const persistence = { giveUpAt: Number.POSITIVE_INFINITY, moot, lockName: this.#name };
    try {
      const { reply } = await this.#context.link.persist(readLine(this.#range), persistence);
      // A look that took longer than the next one, or than the news, tells nothing new.
      if (moot() || (reply.revision <= this.#seen && this.#standings)) return;
      this.#readAt = reply.revision;
      this.#seen = reply.revision;
      this.#standings = new Standings(reply.keys, this.#onHolder);
      for (const event of this.#early.splice(0)) this.#note(event);
      this.#judgeAll();
    } catch (error) {
      if (!(error instanceof LockBackendError)) throw error;
      if (!moot()) this.#end(error);
    }
  }

  #onEvents(events: readonly IEvent[]): void {
    for (const event of events) this.#note(event);
  }

  #note(event: IEvent): void {
    const { type, kv } = event;
    const standings = this.#standings;
    if (!standings) {
      this.#early.push(event);
      return;
    }
    const revision = Number(kv.mod_revision);
    if (revision <= this.#readAt) return;
    this.#seen = revision;
    const { capacity } = standings;
    if (type === 'Delete') standings.delete(kv.key);
    else standings.put(kv);
    const candidate = this.#candidates.get(idOf(kv.key));
    if (candidate) this.#judge(candidate);
    if (standings.capacity !== capacity) this.#judgeAll();
  }

  readonly #onHolder = (id: string): void => {
    this.#candidates.get(id)?.onTurn();
  };

  #judgeAll(): void {
    for (const candidate of this.#candidates.values()) this.#judge(candidate);
  }

  #judge(candidate: Candidate): void {
    const { place, capacity } = candidate;
    const standings = this.#standings;
    if (!standings) return;
    const other = standings.clash(capacity, place.createRevision);
    if (other !== undefined) candidate.onClash(other);
    else if (standings.holds(place)) candidate.onTurn();
    // One that was put just now is yet to be told of.
    else if (!standings.has(place) && place.createRevision <= this.#seen) candidate.onGone();
  }

  #end(failure: LockBackendError): void {
    this.#failure = failure;
    for (const candidate of [...this.#candidates.values()]) candidate.onEnd(failure);
  }
}

/** The lines that somebody here waits in. */
export class FollowedLines {
  readonly #context: LineContext;
  readonly #lines = new Map<string, FollowedLine>();

  constructor(context: LineContext) {
    this.#context = context;
  }

  /** Whether somebody here waits in this line already. */
  has(name: string): boolean {
    return this.#lines.has(name);
  }

  /** Begins to tell a candidate what becomes of it; returns how to stop. */
  follow(name: string, range: KeyRange, candidate: Candidate): () => void {
    const line = this.#lines.get(name) ?? new FollowedLine(this.#context, name, range);
    this.#lines.set(name, line);
    line.add(candidate);
    return () => {
      line.delete(candidate);
      if (!line.idle || this.#lines.get(name) !== line) return;
      this.#lines.delete(name);
      line.stop();
    };
  }
}

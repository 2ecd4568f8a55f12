import type { LockBackendError } from '../errors.ts';
import type { Acquisition } from './acquisition.ts';
import { errorOfLock } from './errors.ts';

/** What a door needs of the client it belongs to. */
export interface DoorContext {
  /** Resolves when messages can be heard; rejects when they never will be. */
  openInbox(name: string): Promise<void>;
  /** What is wrong with a connection that is down. */
  outage(name: string): LockBackendError | undefined;
  /** Nobody is at this door any more. */
  closed(name: string): void;
}

/**
 * The way in to one name before the inbox is open. The first to come just tries, so that a client that never has to
 * wait needs no second connection; whoever comes meanwhile follows in turn, once the inbox is open.
 */
export class Door {
  readonly #name: string;
  readonly #context: DoorContext;
  readonly #leader: Acquisition;
  #followers: Acquisition[] | undefined;
  #refused = false;
  #failure: LockBackendError | undefined;

  constructor(leader: Acquisition, context: DoorContext) {
    this.#name = leader.request.name;
    this.#leader = leader;
    this.#context = context;
  }

  /** Whoever comes while the first tries. */
  follow(acquisition: Acquisition): void {
    acquisition.startTimer();
    this.#followers ??= [];
    this.#followers.push(acquisition);
  }

  /** The try was refused, or not answered because of `failure`. */
  refused(failure: LockBackendError | undefined): void {
    this.#refused = true;
    this.#failure = failure;
    this.#leader.startTimer();
    this.#open();
  }

  /** Somebody is granted or has given up. */
  left(acquisition: Acquisition): void {
    if (acquisition !== this.#leader || this.#refused) return;
    if (this.#followers) this.#open();
    else this.#context.closed(this.#name);
  }

  /** What has kept those who came here from getting a place in line so far. */
  get failure(): LockBackendError | undefined {
    return this.#failure ?? this.#context.outage(this.#name);
  }

  #open(): void {
    this.#context.openInbox(this.#name).then(
      () => this.#empty((acquisition) => acquisition.ask()),
      (error: unknown) => this.#empty((acquisition) => acquisition.fail(errorOfLock(error, this.#name))),
    );
  }

  #empty(each: (acquisition: Acquisition) => void): void {
    this.#context.closed(this.#name);
    for (const acquisition of [this.#leader, ...(this.#followers ?? [])]) {
      if (acquisition.outcome === 'waiting') each(acquisition);
    }
  }
}

import type { LockBackendError } from '../errors.ts';
import type { Acquisition } from './acquisition.ts';

/** What a door needs of the client it belongs to. */
export interface DoorContext {
  /** Resolves when messages can be heard; rejects when they never will be. */
  openInbox(): Promise<void>;
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
  readonly #followers: Acquisition[] = [];
  #leader: Acquisition | undefined;

  constructor(name: string, context: DoorContext) {
    this.#name = name;
    this.#context = context;
  }

  lead(acquisition: Acquisition): void {
    this.#leader = acquisition;
    acquisition.try(acquisition.waiter.request.deadline, (failure) => {
      const { waiter } = acquisition;
      waiter.startTimer(() => (acquisition.hasPlace ? undefined : failure) ?? waiter.timeoutError());
      this.#followers.unshift(acquisition);
      this.#open();
    });
  }

  follow(acquisition: Acquisition): void {
    const { waiter } = acquisition;
    waiter.startTimer(
      () => (acquisition.hasPlace ? undefined : this.#context.outage(this.#name)) ?? waiter.timeoutError(),
    );
    this.#followers.push(acquisition);
  }

  /** Somebody is granted or has given up. */
  left(acquisition: Acquisition): void {
    if (acquisition !== this.#leader) return;
    this.#leader = undefined;
    if (this.#followers.length === 0) this.#context.closed(this.#name);
    else if (!this.#followers.includes(acquisition)) this.#open();
  }

  #open(): void {
    this.#context.openInbox().then(
      () => this.#empty((acquisition) => acquisition.ask()),
      (error: unknown) => this.#empty(({ waiter }) => waiter.fail(error)),
    );
  }

  #empty(each: (acquisition: Acquisition) => void): void {
    this.#context.closed(this.#name);
    for (const acquisition of this.#followers)
      if (acquisition.waiter.outcome === 'waiting') each(acquisition);
  }
}

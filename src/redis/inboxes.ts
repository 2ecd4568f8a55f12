import type { Alarm, Clock } from '../core/clock.ts';
import type { Inbox } from './inbox.ts';

/** The inbox of each name, opened when first needed. */
export interface Inboxes {
  /** Whether messages about this lock are heard. */
  opened(name: string): boolean;
  /** Resolves once the server has confirmed; rejects when it refuses for good, and can then be tried again. */
  open(name: string): Promise<void>;
  /** Somebody listens from now on, until `leave`; to be called at once when the inbox was found open. */
  enter(name: string): void;
  leave(name: string): void;
  /** The server has forgotten a waiter of ours, maybe because it does not know that we listen. */
  recheck(name: string): void;
  /** The subscriptions end with the subscriber. */
  close(): void;
}

/** On one server, one inbox serves all names, and is kept. */
export class OneInbox implements Inboxes {
  readonly #inbox: Inbox;

  constructor(inbox: Inbox) {
    this.#inbox = inbox;
  }

  opened(): boolean {
    return this.#inbox.opened;
  }

  open(): Promise<void> {
    return this.#inbox.open();
  }

  enter(): void {}

  leave(): void {}

  /** One server ends a subscription only with its connection, and that we see. */
  recheck(): void {}

  close(): void {}
}

/** Long enough that a name in use keeps its inbox, short enough that millions of names do not add up. */
const IDLE_MS = 10_000;
/** What is asked again when a subscription is back may be told the same: that must not go round and round. */
const RECHECK_PAUSE_MS = 1_000;

interface Box {
  readonly inbox: Inbox;
  users: number;
  /** Since when nobody uses it, as a local instant. */
  idleSince: number;
  /** Before this instant the server is not asked about it once more. */
  recheckFrom: number;
}

/** On a cluster a message stays on the node of its channel's slot, so each name has an inbox there, dropped when idle. */
export class InboxPerName implements Inboxes {
  readonly #clock: Clock;
  readonly #make: (name: string) => Inbox;
  readonly #boxes = new Map<string, Box>();
  #sweep: Alarm | undefined;

  constructor(clock: Clock, make: (name: string) => Inbox) {
    this.#clock = clock;
    this.#make = make;
  }

  opened(name: string): boolean {
    return this.#boxes.get(name)?.inbox.opened === true;
  }

  open(name: string): Promise<void> {
    const box = this.#boxFor(name);
    // Whoever opens it is about to use it, however long that takes: an inbox that is dropped is never confirmed.
    box.users += 1;
    return box.inbox.open().finally(() => this.leave(name));
  }

  enter(name: string): void {
    this.#boxFor(name).users += 1;
  }

  leave(name: string): void {
    const box = this.#boxes.get(name);
    if (!box) return;
    box.users -= 1;
    box.idleSince = this.#clock.now();
  }

  recheck(name: string): void {
    const box = this.#boxes.get(name);
    const now = this.#clock.now();
    if (!box || now < box.recheckFrom) return;
    box.recheckFrom = now + RECHECK_PAUSE_MS;
    box.inbox.recheck();
  }

  close(): void {
    this.#sweep?.cancel();
  }

  #boxFor(name: string): Box {
    const known = this.#boxes.get(name);
    if (known) return known;
    const now = this.#clock.now();
    const box = { inbox: this.#make(name), users: 0, idleSince: now, recheckFrom: now };
    this.#boxes.set(name, box);
    this.#sweep ??= this.#clock.callAt(box.idleSince + IDLE_MS, this.#dropIdle);
    return box;
  }

  readonly #dropIdle = (): void => {
    const now = this.#clock.now();
    for (const [name, { inbox, users, idleSince }] of this.#boxes) {
      if (users > 0 || now < idleSince + IDLE_MS) continue;
      this.#boxes.delete(name);
      inbox.close();
    }
    this.#sweep = this.#boxes.size > 0 ? this.#clock.callAt(now + IDLE_MS, this.#dropIdle) : undefined;
  };
}

import { type InboxMessage, parseInboxMessage } from './inbox-message.ts';
import type { Listener, Subscriber } from './subscriber.ts';

/** What becomes of the messages that are, or may have been, on an inbox. */
export interface InboxEvents {
  received(message: InboxMessage): void;
  /** It was deaf for a while: messages may have been missed. */
  restored(): void;
}

/** A channel on which this client is told of its grants. */
export class Inbox implements Listener {
  readonly #subscriber: Subscriber;
  readonly #channel: string;
  readonly #events: InboxEvents;
  #opening: Promise<void> | undefined;
  #opened = false;

  constructor(subscriber: Subscriber, channel: string, events: InboxEvents) {
    this.#subscriber = subscriber;
    this.#channel = channel;
    this.#events = events;
  }

  /** Whether the server has once confirmed it. While it is lost after that, pokes stand in for it. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Resolves once the server has confirmed; rejects when it refuses for good, and can then be tried again. */
  open(): Promise<void> {
    this.#opening ??= this.#subscriber.subscribe(this.#channel, this).then(
      () => {
        this.#opened = true;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** The server seems not to know that we listen. */
  recheck(): void {
    this.#subscriber.recheck(this.#channel);
  }

  close(): void {
    void this.#subscriber.unsubscribe(this.#channel, this);
  }

  onMessage(text: string): void {
    const message = parseInboxMessage(text);
    if (message) this.#events.received(message);
  }

  onRestored(): void {
    this.#events.restored();
  }
}

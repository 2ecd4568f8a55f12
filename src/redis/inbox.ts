import { type InboxMessage, parseInboxMessage } from './inbox-message.ts';
import type { Listener, Subscriber } from './subscriber.ts';

/** The channel on which this client is told of its grants. Opened when first needed, then kept. */
export class Inbox implements Listener {
  readonly #subscriber: Subscriber;
  readonly #channel: string;
  readonly #deliver: (message: InboxMessage) => void;
  readonly #restored: () => void;
  #opening: Promise<void> | undefined;
  #opened = false;

  constructor(
    subscriber: Subscriber,
    channel: string,
    deliver: (message: InboxMessage) => void,
    restored: () => void,
  ) {
    this.#subscriber = subscriber;
    this.#channel = channel;
    this.#deliver = deliver;
    this.#restored = restored;
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

  onMessage(text: string): void {
    const message = parseInboxMessage(text);
    if (message) this.#deliver(message);
  }

  onRestored(): void {
    this.#restored();
  }
}

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type {
  AcquireMessage,
  LostMessage,
  PokeMessage,
  RefreshMessage,
  ReleaseMessage,
  ResumeMessage,
} from '../core/diagnostics.ts';

interface Messages {
  acquire: AcquireMessage;
  release: ReleaseMessage;
  refresh: RefreshMessage;
  resume: ResumeMessage;
}

/** What is done over time: from its start to its end it has one message. */
export type Operation = keyof Messages;

/** Subscriptions to our channels that end together. */
export class Listeners {
  readonly #stops: (() => void)[] = [];

  onStart<O extends Operation>(operation: O, listener: (message: Messages[O]) => void): void {
    this.#add(`tracing:batonlock:${operation}:start`, listener);
  }

  /** Called before whoever awaits the operation goes on. */
  onEnd<O extends Operation>(operation: O, listener: (message: Messages[O]) => void): void {
    this.#add(`tracing:batonlock:${operation}:asyncEnd`, listener);
  }

  onLost(listener: (message: LostMessage) => void): void {
    this.#add('batonlock:lost', listener);
  }

  onPoke(listener: (message: PokeMessage) => void): void {
    this.#add('batonlock:poke', listener);
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #add<M>(channel: string, listener: (message: M) => void): void {
    // By name, so that it is the same channel should there be two copies of this package in a process.
    const hear = (message: unknown): void => listener(message as M);
    subscribe(channel, hear);
    this.#stops.push(() => void unsubscribe(channel, hear));
  }
}

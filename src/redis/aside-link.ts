import type { Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import { CommandLink } from './command-link.ts';
import type { ScriptCall } from './open-call.ts';
import type { Protocol } from './protocol.ts';
import type { Subscriber } from './subscriber.ts';

/** What it does not answer within so many ms is sent on the usual connection: that one may be well. */
const LONGEST_PATIENCE_MS = 1_000;

interface AsideSettings {
  readonly protocol: Protocol;
  /** The channel of this client's grants. */
  readonly inbox: string;
  /** What ioredis puts before keys on the user's connection, but not on the subscriber's. */
  readonly keyPrefix: string;
  readonly patienceMs: number;
}

/** The subscriber's connection as a second way for releases: on it the server tells the next in line before it answers us. */
export class AsideLink {
  readonly #subscriber: Subscriber;
  readonly #clock: Clock;
  readonly #settings: AsideSettings;
  #link: CommandLink | undefined;

  constructor(subscriber: Subscriber, clock: Clock, settings: AsideSettings) {
    this.#subscriber = subscriber;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** None while that connection is down, does not answer, or takes no commands. */
  get link(): CommandLink | undefined {
    const link = this.#link ?? this.#open(this.#subscriber.commandLine);
    return link?.silent ? undefined : link;
  }

  /** A release of a lease, for this connection. */
  call(lockName: string, owner: string): ScriptCall {
    const { protocol, inbox, keyPrefix } = this.#settings;
    const call = protocol.handOn(lockName, owner, inbox);
    if (keyPrefix === '') return call;
    const { keys } = call.script;
    return { ...call, args: call.args.map((arg, place) => (place < keys ? keyPrefix + arg : arg)) };
  }

  /** Resolves as soon as no call is open. */
  drained(): Promise<void> {
    return this.#link?.drained() ?? Promise.resolve();
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  #open(line: Redis | undefined): CommandLink | undefined {
    if (!line) return undefined;
    const link = new CommandLink(line, this.#clock, Math.min(this.#settings.patienceMs, LONGEST_PATIENCE_MS));
    this.#link = link;
    // What is under way when the connection is cut is not sent again, nor is its failure told.
    line.once('close', () => {
      if (this.#link === link) this.close();
    });
    return link;
  }
}

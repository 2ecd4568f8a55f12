import type { Redis } from 'ioredis';
import pDefer, { type DeferredPromise } from 'p-defer';
import { type Alarm, type Clock, pause } from '../core/clock.ts';
import type { LockBackendError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { closedError, connectionEnded, isPermanent, toBackendError } from './errors.ts';
import { retryDelayMs } from './own-connection.ts';
import { type LineEvents, type Lines, linesOf } from './subscriber-lines.ts';

/** How long the end of a subscription may take. */
const PATIENCE_MS = 1_000;

/** Who wants to hear of a channel. */
export interface Listener {
  onMessage(message: string): void;
  /** The subscription is there again after the connection was lost: messages may have been missed. */
  onRestored(): void;
}

interface Channel {
  readonly name: string;
  readonly listeners: Set<Listener>;
  /** Resolves when the server has confirmed the subscription for the first time. */
  readonly confirmed: DeferredPromise<void>;
  state: 'new' | 'open' | 'lost';
  /** The latest request for it whose answer still counts, or has been given. */
  request: { readonly line: Redis } | undefined;
}

/**
 * The subscriptions of one client. We resubscribe ourselves after a reconnect: when ioredis does it and the server
 * refuses, the process exits with an unhandled rejection.
 */
export class Subscriber implements LineEvents {
  readonly #clock: Clock;
  readonly #lines: Lines;
  readonly #channels = new Map<string, Channel>();
  #retry: Alarm | undefined;
  #failures = 0;
  #closed = false;

  constructor(source: Connection, clock: Clock) {
    this.#clock = clock;
    this.#lines = linesOf(source, this);
  }

  /** The connection that all messages come on, while it takes commands as well: by RESP3 it does. */
  get commandLine(): Redis | undefined {
    const { only } = this.#lines;
    return only?.status === 'ready' && only.mode === 'normal' ? only : undefined;
  }

  /** Resolves once the server has confirmed: no message after that is missed while the connection lasts. */
  subscribe(name: string, listener: Listener): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#lines.ended) return Promise.reject(connectionEnded());
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = { name, listeners: new Set(), confirmed: pDefer(), state: 'new', request: undefined };
      // Whoever waits for it learns of a failure; nobody may be waiting by then.
      channel.confirmed.promise.catch(() => {});
      this.#channels.set(name, channel);
      this.#ask(channel);
    }
    channel.listeners.add(listener);
    return channel.confirmed.promise;
  }

  /** The last listener to leave ends the subscription. */
  async unsubscribe(name: string, listener: Listener): Promise<void> {
    const channel = this.#channels.get(name);
    if (!channel?.listeners.delete(listener) || channel.listeners.size > 0) return;
    this.#channels.delete(name);
    const line = channel.request?.line;
    // A connection that fails has no subscriptions left to end, and one that does not answer keeps nobody who leaves.
    if (line?.status !== 'ready') return;
    const patience = pause(this.#clock, PATIENCE_MS);
    await Promise.race([line.sunsubscribe(name).catch(() => {}), patience.done]);
    patience.stop();
  }

  /** The server seems to know nothing of this subscription: ask for it again. */
  recheck(name: string): void {
    const channel = this.#channels.get(name);
    if (channel?.state !== 'open') return;
    channel.state = 'lost';
    this.#ask(channel);
  }

  /** Ends the connections; what is not confirmed yet rejects. */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    for (const { confirmed } of this.#channels.values()) {
      confirmed.reject(closedError());
    }
    this.#channels.clear();
    this.#lines.close();
  }

  ready(): void {
    const inUse = new Set<Redis>();
    for (const channel of this.#channels.values()) {
      const line = this.#lines.lineFor(channel.name);
      if (line) inUse.add(line);
      if (channel.state === 'open' && line === channel.request?.line) continue;
      if (channel.state === 'open') channel.state = 'lost';
      this.#ask(channel);
    }
    this.#lines.keep(inUse);
  }

  lost(line: Redis): void {
    for (const channel of this.#channels.values()) {
      if (channel.request?.line !== line) continue;
      // An answer may have come before this, and not have been looked at yet.
      channel.request = undefined;
      if (channel.state === 'open') channel.state = 'lost';
    }
    if (line.status === 'ready' || line.status === 'end' || this.#lines.moves) this.#askSoon();
  }

  failed(error: unknown): void {
    if (isPermanent(error)) this.#refuseNew(toBackendError(error));
    if (this.#lines.moves) this.#askSoon();
  }

  ended(): void {
    // What was open once is open again when the user connects anew; nobody waits for it.
    this.#refuseNew(connectionEnded());
  }

  message(name: string, text: string): void {
    const channel = this.#channels.get(name);
    if (channel) for (const listener of channel.listeners) listener.onMessage(text);
  }

  /** Without a connection it waits for the next one. SSUBSCRIBE is idempotent, so asking twice does no harm. */
  #ask(channel: Channel): void {
    const line = this.#lines.lineFor(channel.name);
    if (line?.status === 'ready') {
      const request = { line };
      channel.request = request;
      line.ssubscribe(channel.name).then(
        () => this.#confirm(channel, request),
        (error: unknown) => this.#fail(channel, error),
      );
    } else if (this.#lines.moves) {
      this.#askSoon();
    }
  }

  #confirm(channel: Channel, request: Channel['request']): void {
    if (this.#channels.get(channel.name) !== channel || channel.request !== request) return;
    if (channel.state === 'open') return;
    const restored = channel.state === 'lost';
    channel.state = 'open';
    this.#failures = 0;
    channel.confirmed.resolve();
    if (restored) for (const listener of channel.listeners) listener.onRestored();
  }

  #fail(channel: Channel, error: unknown): void {
    if (this.#closed) return;
    if (channel.state === 'new' && isPermanent(error)) {
      this.#refuse(channel, toBackendError(error));
      return;
    }
    if (channel.state === 'open') channel.state = 'lost';
    this.#askSoon();
  }

  /** For good: tell who waits for it. */
  #refuse(channel: Channel, error: LockBackendError): void {
    this.#channels.delete(channel.name);
    channel.confirmed.reject(error);
  }

  #refuseNew(error: LockBackendError): void {
    for (const channel of this.#channels.values()) if (channel.state === 'new') this.#refuse(channel, error);
  }

  #askSoon(): void {
    if (this.#retry || this.#closed || this.#lines.ended) return;
    this.#failures += 1;
    this.#retry = this.#clock.callAt(this.#clock.now() + retryDelayMs(this.#failures), () => {
      this.#retry = undefined;
      if ([...this.#channels.values()].some(({ state }) => state !== 'open')) this.#lines.relearn();
      this.ready();
    });
  }
}

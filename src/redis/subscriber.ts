import type { Redis } from 'ioredis';
import pDefer, { type DeferredPromise } from 'p-defer';
import { backoffMs } from '../core/backoff.ts';
import type { Alarm, Clock } from '../core/clock.ts';
import { LockClosedError } from '../errors.ts';
import { isPermanent, toBackendError } from './errors.ts';

/** A connection that does not answer must not keep a process for long that has ended it. */
const DISCONNECT_TIMEOUT_MS = 100;
const RETRY_BASE_MS = 50;
const RETRY_LONGEST_MS = 2_000;

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
}

/**
 * The subscriber connection: made from the user's when first needed, and ours to end. We resubscribe ourselves
 * after a reconnect: when ioredis does it and the server refuses, the process exits with an unhandled rejection.
 */
export class Subscriber {
  readonly #source: Redis;
  readonly #clock: Clock;
  readonly #channels = new Map<string, Channel>();
  #connection: Redis | undefined;
  #retry: Alarm | undefined;
  #failures = 0;
  #closed = false;

  constructor(source: Redis, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    source.on('end', this.#followEnd);
    source.on('ready', this.#followReady);
  }

  /** Resolves once the server has confirmed: no message after that is missed while the connection lasts. */
  subscribe(name: string, listener: Listener): Promise<void> {
    if (this.#closed) return Promise.reject(new LockClosedError('the backend is closed'));
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = { name, listeners: new Set(), confirmed: pDefer(), state: 'new' };
      // Whoever waits for it learns of a failure; nobody may be waiting by then.
      channel.confirmed.promise.catch(() => {});
      this.#channels.set(name, channel);
      this.#connect();
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
    if (this.#connection?.status !== 'ready') return;
    // A connection that fails now has no subscriptions left to end.
    await this.#connection.sunsubscribe(name).catch(() => {});
  }

  /** Ends the connection; what is not confirmed yet rejects. */
  close(): void {
    this.#closed = true;
    this.#source.off('end', this.#followEnd);
    this.#source.off('ready', this.#followReady);
    this.#retry?.cancel();
    for (const { confirmed } of this.#channels.values()) {
      confirmed.reject(new LockClosedError('the backend is closed'));
    }
    this.#channels.clear();
    this.#connection?.disconnect();
  }

  /** When the user ends the connection we were made from, ours must not keep the process alive. */
  readonly #followEnd = (): void => {
    this.#retry?.cancel();
    this.#connection?.disconnect();
  };

  readonly #followReady = (): void => {
    if (this.#channels.size > 0) this.#connect();
  };

  #connect(): void {
    if (this.#connection && this.#connection.status !== 'end') return;
    const connection = this.#source.duplicate({
      keyPrefix: '',
      lazyConnect: false,
      autoResubscribe: false,
      // What is in flight when the link is cut is asked for again by us.
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: null,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      retryStrategy: (attempt: number) => 10 + backoffMs(attempt, RETRY_BASE_MS, RETRY_LONGEST_MS),
    });
    connection.on('ready', () => this.#askAll());
    connection.on('close', () => this.#lose());
    connection.on('error', (error: unknown) => this.#fail(error, [...this.#channels.values()]));
    connection.on('smessage', (name: string, message: string) => {
      const channel = this.#channels.get(name);
      if (channel) for (const listener of channel.listeners) listener.onMessage(message);
    });
    this.#connection = connection;
  }

  #askAll(): void {
    for (const channel of this.#channels.values()) if (channel.state !== 'open') this.#ask(channel);
  }

  /** Without a connection it waits for the next one. SSUBSCRIBE is idempotent, so asking twice does no harm. */
  #ask(channel: Channel): void {
    if (this.#connection?.status !== 'ready') return;
    this.#connection.ssubscribe(channel.name).then(
      () => this.#confirm(channel),
      (error: unknown) => this.#fail(error, [channel]),
    );
  }

  #confirm(channel: Channel): void {
    if (this.#channels.get(channel.name) !== channel || channel.state === 'open') return;
    const restored = channel.state === 'lost';
    channel.state = 'open';
    this.#failures = 0;
    channel.confirmed.resolve();
    if (restored) for (const listener of channel.listeners) listener.onRestored();
  }

  #lose(): void {
    for (const channel of this.#channels.values()) if (channel.state === 'open') channel.state = 'lost';
  }

  /** The connection or a subscription failed: tell who waits for it if that is for good, else try again. */
  #fail(error: unknown, channels: readonly Channel[]): void {
    if (this.#closed) return;
    if (isPermanent(error)) {
      for (const channel of channels) {
        if (channel.state !== 'new') continue;
        this.#channels.delete(channel.name);
        channel.confirmed.reject(toBackendError(error));
      }
    }
    this.#failures += 1;
    this.#retry?.cancel();
    const delay = backoffMs(this.#failures, RETRY_BASE_MS, RETRY_LONGEST_MS);
    this.#retry = this.#clock.callAt(this.#clock.now() + delay, () => this.#askAll());
  }
}

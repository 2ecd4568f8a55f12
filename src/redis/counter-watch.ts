import type { Alarm, Clock } from '../core/clock.ts';
import { type CounterWait, type CounterWaiter, UNSET } from '../core/counter-store.ts';
import { CounterExpiredError, type LockBackendError } from '../errors.ts';
import type { CommandLink } from './command-link.ts';
import { errorOfLock, noAnswer, unexpectedReply } from './errors.ts';
import type { Protocol } from './protocol.ts';
import { parseCount, parseCountEvent, type TimedCount } from './scripts/count.ts';
import type { Listener, Subscriber } from './subscriber.ts';

/** After the end of a counter's TTL, how long to wait before asking whether it was changed, in ms. */
const EXPIRY_GRACE_MS = 2;
/** So many events are kept while a look is under way; of more than that the oldest are forgotten. */
const MOST_EVENTS = 1_000;

export interface CounterWatchContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly subscriber: Subscriber;
  readonly client: string;
  readonly safetyNetMs: number;
}

/** One who waits. */
interface Waiting {
  readonly waiter: CounterWaiter;
  /** The server's time at which the counter was first seen for it: what happened before does not concern it. */
  since: number | undefined;
}

type Event = Pick<TimedCount, 'serverUs' | 'value'>;

/**
 * All of one client who wait for one counter: one subscription, one look at the counter for those who come in the same
 * moment, one alarm. An expiry tells nobody, so the time left is when to look again; at the latest after the safety
 * net, since a server that has lost its data tells nobody either.
 */
export class CounterWatch implements Listener {
  readonly #context: CounterWatchContext;
  readonly #name: string;
  readonly #channel: string;
  readonly #onEnd: () => void;
  readonly #waiting = new Set<Waiting>();
  #subscribed = false;
  #looking = false;
  #lookAgain = false;
  /** Those that came since the look under way began, in their order. */
  #heard: Event[] = [];
  #alarm: Alarm | undefined;
  #over = false;

  /** `onEnd` is called once, when the last has left. */
  constructor(context: CounterWatchContext, name: string, channel: string, onEnd: () => void) {
    this.#context = context;
    this.#name = name;
    this.#channel = channel;
    this.#onEnd = onEnd;
  }

  start(): void {
    this.#context.subscriber.subscribe(this.#channel, this).then(
      () => {
        this.#subscribed = true;
        this.#look();
      },
      (error: unknown) => this.failAll(errorOfLock(error, this.#name)),
    );
  }

  add(waiter: CounterWaiter): CounterWait {
    const waiting: Waiting = { waiter, since: undefined };
    this.#waiting.add(waiting);
    if (this.#subscribed) this.#look();
    return {
      obstacle: () => this.#obstacle(waiting),
      stop: () => {
        this.#waiting.delete(waiting);
        this.#endIfAlone();
      },
    };
  }

  failAll(error: unknown): void {
    for (const waiting of [...this.#waiting]) this.#fail(waiting, error);
  }

  onMessage(text: string): void {
    const event = parseCountEvent(text);
    if (!event) return;
    if (this.#looking) this.#keep(event);
    this.#tellOf(event);
    // Of before they asked; or the server's clock was set back.
    if (this.#waiting.size > 0) this.#look();
  }

  onRestored(): void {
    this.#look();
  }

  #obstacle({ since }: Waiting): LockBackendError | undefined {
    if (since !== undefined) return undefined;
    return this.#context.link.outage(this.#name) ?? noAnswer(undefined, this.#name);
  }

  /** At the end of the tick: those who come meanwhile are among those it is for. */
  #look(): void {
    this.#lookAgain = true;
    if (this.#looking || this.#over) return;
    this.#looking = true;
    process.nextTick(() => void this.#lookUntilSeen());
  }

  async #lookUntilSeen(): Promise<void> {
    while (this.#lookAgain && !this.#over) {
      this.#lookAgain = false;
      this.#heard = [];
      const asking = [...this.#waiting];
      try {
        const count = await this.#read();
        if (count && !this.#over) this.#see(count, asking);
      } catch (error) {
        this.failAll(error);
      }
    }
    this.#looking = false;
    this.#heard = [];
  }

  /** Undefined when nobody waits any more. */
  async #read(): Promise<TimedCount | undefined> {
    const { link, protocol, client } = this.#context;
    const call = protocol.count(this.#name, client, ['read']);
    const answer = await link.persist(call, Number.POSITIVE_INFINITY, { moot: () => this.#over });
    if (!answer) return undefined;
    const count = parseCount(answer.reply);
    if (count) return count;
    throw unexpectedReply(answer.reply, this.#name);
  }

  /** `asking` are those who waited before the counter was asked for. */
  #see(count: TimedCount, asking: readonly Waiting[]): void {
    for (const waiting of asking) {
      waiting.since ??= count.serverUs;
      const { since } = waiting;
      // Events may have come after this was read, and yet before the answer: the first of them decides.
      const end = count.value > 0 ? this.#heard.find(({ serverUs }) => serverUs >= since) : count;
      if (end) this.#tell(waiting, end.value);
    }
    if (this.#waiting.size > 0) this.#awaitExpiry(count.ttlMs);
  }

  #awaitExpiry(ttlMs: number): void {
    const { clock, safetyNetMs } = this.#context;
    const distance = ttlMs < 0 ? safetyNetMs : Math.min(ttlMs + EXPIRY_GRACE_MS, safetyNetMs);
    this.#alarm?.cancel();
    this.#alarm = clock.callAt(clock.now() + distance, () => this.#look());
  }

  #keep(event: Event): void {
    this.#heard.push(event);
    if (this.#heard.length > MOST_EVENTS) this.#heard.shift();
  }

  /** Ends the wait of those whom it concerns, as far as that is known yet. */
  #tellOf({ serverUs, value }: Event): void {
    for (const waiting of [...this.#waiting]) {
      if (waiting.since !== undefined && serverUs >= waiting.since) this.#tell(waiting, value);
    }
  }

  #tell(waiting: Waiting, value: number): void {
    if (value === UNSET) this.#fail(waiting, new CounterExpiredError(this.#name));
    else if (this.#waiting.delete(waiting)) waiting.waiter.reached();
    this.#endIfAlone();
  }

  #fail(waiting: Waiting, reason: unknown): void {
    if (this.#waiting.delete(waiting)) waiting.waiter.failed(reason);
    this.#endIfAlone();
  }

  #endIfAlone(): void {
    if (this.#waiting.size > 0 || this.#over) return;
    this.#over = true;
    this.#alarm?.cancel();
    this.#onEnd();
    void this.#context.subscriber.unsubscribe(this.#channel, this);
  }
}

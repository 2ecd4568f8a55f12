import type { Clock } from '../core/clock.ts';
import type { CounterStep, CounterStore, CounterWait, CounterWaiter } from '../core/counter-store.ts';
import type { CommandLink } from './command-link.ts';
import { CounterLine, type CounterLineContext } from './counter-line.ts';
import { CounterWatch, type CounterWatchContext } from './counter-watch.ts';
import { closedError } from './errors.ts';
import type { Keys } from './keys.ts';
import type { Protocol } from './protocol.ts';
import type { Subscriber } from './subscriber.ts';

interface RedisCountersContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly subscriber: Subscriber;
  readonly keys: Keys;
  readonly client: string;
  readonly safetyNetMs: number;
}

/** The counters of one client: what it is about to change, and what it waits for. */
export class RedisCounters implements CounterStore {
  readonly #context: RedisCountersContext & CounterLineContext & CounterWatchContext;
  readonly #lines = new Map<string, CounterLine>();
  readonly #watches = new Map<string, CounterWatch>();
  #closed = false;

  constructor(context: RedisCountersContext) {
    let number = 0;
    this.#context = { ...context, nextNumber: () => ++number };
  }

  step(name: string, step: CounterStep): Promise<number> {
    if (this.#closed) return Promise.reject(closedError(name));
    let line = this.#lines.get(name);
    if (!line) {
      line = new CounterLine(this.#context, name, () => this.#lines.delete(name));
      this.#lines.set(name, line);
    }
    return line.add(step);
  }

  wait(name: string, waiter: CounterWaiter): CounterWait {
    if (this.#closed) {
      waiter.failed(closedError(name));
      return { obstacle: () => undefined, stop: () => {} };
    }
    const known = this.#watches.get(name);
    if (known) return known.add(waiter);
    const channel = this.#context.keys.counterEvents(name);
    const watch = new CounterWatch(this.#context, name, channel, () => this.#watches.delete(name));
    this.#watches.set(name, watch);
    const wait = watch.add(waiter);
    watch.start();
    return wait;
  }

  /** Ends all waits. */
  failWaits(error: (name: string) => Error): void {
    for (const [name, watch] of [...this.#watches]) watch.failAll(error(name));
  }

  close(): void {
    this.#closed = true;
    for (const [name, line] of this.#lines) line.close(closedError(name));
    this.failWaits(closedError);
  }
}

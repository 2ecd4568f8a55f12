import type { Attributes } from '@opentelemetry/api';
import type { AcquireMessage } from '../core/diagnostics.ts';

/** From this many leases on, those that ran out unreleased are looked for now and then. */
const PRUNE_FROM = 1_024;

interface Lease {
  readonly remaining: number;
}

/** How many there are of some that have the same attributes. */
export interface Count {
  readonly attributes: Attributes;
  waiting: number;
  held: number;
}

/** Who waits and which leases are held, as far as this process knows. */
export class Census {
  /** Kept when they are 0: an exporter would go on with the last value of what it is not told of any more. */
  readonly #counts = new Map<string, Count>();
  readonly #waiting = new Map<AcquireMessage, Count>();
  readonly #held = new Map<Lease, Count>();
  #pruneAt = PRUNE_FROM;

  waits(message: AcquireMessage, attributes: Attributes): void {
    this.#waiting.set(message, this.#countOf(attributes));
  }

  waitsNoMore(message: AcquireMessage): void {
    this.#waiting.delete(message);
  }

  holds(lease: Lease, attributes: Attributes): void {
    if (this.#held.size >= this.#pruneAt) this.#prune();
    this.#held.set(lease, this.#countOf(attributes));
  }

  take(): Iterable<Count> {
    this.#prune();
    for (const count of this.#counts.values()) {
      count.waiting = 0;
      count.held = 0;
    }
    for (const count of this.#waiting.values()) count.waiting += 1;
    for (const count of this.#held.values()) count.held += 1;
    return this.#counts.values();
  }

  /** What was released, lost or handed to another process has no time left; asking makes a lease notice its end. */
  #prune(): void {
    for (const lease of this.#held.keys()) if (lease.remaining === 0) this.#held.delete(lease);
    this.#pruneAt = Math.max(PRUNE_FROM, this.#held.size * 2);
  }

  #countOf(attributes: Attributes): Count {
    const key = JSON.stringify(attributes);
    const count = this.#counts.get(key) ?? { attributes, waiting: 0, held: 0 };
    this.#counts.set(key, count);
    return count;
  }
}

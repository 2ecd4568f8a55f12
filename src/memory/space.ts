import type { Clock } from '../core/clock.ts';
import { Counts } from './counters.ts';
import { Resource } from './resource.ts';

/** From this many names on, those whose lease ran out unreleased are looked for now and then. */
const PRUNE_FROM = 1_024;

/** The locks and counters that some backends of one process share: what a server is to other engines. */
export class MemorySpace {
  readonly counts: Counts;
  readonly #clock: Clock;
  readonly #wall: () => number;
  readonly #resources = new Map<string, Resource>();
  #pruneAt = PRUNE_FROM;
  #lastFence = 0;

  /** `wall` is the time of day in ms, from which fences are made. */
  constructor(clock: Clock, wall: () => number = Date.now) {
    this.#clock = clock;
    this.counts = new Counts(clock);
    this.#wall = wall;
  }

  find(name: string): Resource | undefined {
    return this.#resources.get(name);
  }

  resource(name: string): Resource {
    let resource = this.#resources.get(name);
    if (!resource) {
      resource = new Resource(name, this.#clock, () => this.#nextFence());
      if (this.#resources.size >= this.#pruneAt) this.#prune();
      this.#resources.set(name, resource);
    }
    return resource;
  }

  /** Forgets a lock that nobody holds, waits for or watches. */
  tidy(name: string): void {
    if (this.#resources.get(name)?.idle) this.#resources.delete(name);
  }

  /** Ends the waits of one client. */
  failWaiters(client: string, error: (name: string) => Error): void {
    for (const resource of this.#resources.values()) resource.failWaiters(client, error);
  }

  #prune(): void {
    for (const name of this.#resources.keys()) this.tidy(name);
    this.#pruneAt = Math.max(PRUNE_FROM, this.#resources.size * 2);
  }

  /** One rising sequence for all names, so that a name nobody uses needs no memory. */
  #nextFence(): number {
    this.#lastFence = Math.max(this.#lastFence + 1, this.#wall() * 1_000);
    return this.#lastFence;
  }
}

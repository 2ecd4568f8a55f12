import { ignoreBackendError } from '../core/ignore.ts';
import type { EtcdLink } from './link.ts';
import { revokeLease } from './protocol.ts';

/** What is done behind the callers' backs, and has to be done before the backend is closed. */
export class Chores {
  readonly #link: EtcdLink;
  readonly #open = new Set<Promise<void>>();

  constructor(link: EtcdLink) {
    this.#link = link;
  }

  /** Keeps track of some work. What it fails with for want of a server does not matter. */
  add(work: Promise<unknown>): void {
    const chore = work.then(() => {}, ignoreBackendError).finally(() => this.#open.delete(chore));
    this.#open.add(chore);
  }

  /** Ends a lease, and with it what is attached to it, at the latest when its TTL has passed. */
  revoke(leaseId: string, seconds: number): void {
    const giveUpAt = this.#link.clock.now() + seconds * 1_000;
    this.add(this.#link.persist(revokeLease(leaseId), { giveUpAt }));
  }

  /** Resolves as soon as nothing is left to be done. */
  async done(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }
}

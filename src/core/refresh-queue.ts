import type { Grant, LockBackend } from './backend.ts';
import { leaseDeadline } from './deadline.ts';

interface Refreshed {
  /** Whether an answer still counts. Throws if it, or the time, says that the lease is lost. */
  counts(ours: boolean): boolean;
  /** The deadline has moved closer. */
  shortened(): void;
}

/**
 * The refreshes of one lease, one after the other: side by side, a short one could be carried out after a long one by whose
 * answer we go.
 */
export class RefreshQueue {
  readonly #backend: LockBackend;
  readonly #grant: Grant;
  readonly #lease: Refreshed;
  /** Resolves when the one that is out is settled. */
  #out: Promise<void> | undefined;

  constructor(backend: LockBackend, grant: Grant, lease: Refreshed) {
    this.#backend = backend;
    this.#grant = grant;
    this.#lease = lease;
  }

  async refresh(ttlMs: number): Promise<void> {
    // It may take effect although the answer is lost; and an auto refresh from now on must not undo it.
    this.#grant.ttlMs = ttlMs;
    while (this.#out) {
      await this.#out;
      if (!this.#lease.counts(true)) return;
    }
    const refreshed = this.#send(ttlMs).finally(() => {
      this.#out = undefined;
    });
    this.#out = refreshed.catch(() => {});
    return refreshed;
  }

  async #send(ttlMs: number): Promise<void> {
    const grant = this.#grant;
    const deadline = leaseDeadline(this.#backend.clock.now(), ttlMs, this.#backend.driftFactor);
    if (deadline < grant.deadline) {
      grant.deadline = deadline;
      this.#lease.shortened();
    }
    if (this.#lease.counts(await this.#backend.refresh(grant, ttlMs))) grant.deadline = deadline;
  }
}

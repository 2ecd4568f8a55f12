import type { Canceller, Grant, LeaseRequest } from '../core/backend.ts';

/** What is done about a grant before the caller hears of it. */
export interface Confirmation {
  confirm(grant: Grant): Promise<void>;
  /** Gives back what could not be confirmed, or what nobody wants any more. */
  giveBack(grant: Grant): void;
}

/** A request whose grant the caller is told of only when replicas have it, too. */
export class ReplicatedRequest implements LeaseRequest, Canceller {
  readonly name: string;
  readonly ttlMs: number;
  readonly units: number;
  readonly capacity: number;
  readonly deadline: number;
  readonly askedAt: number;
  canceller: Canceller | undefined;
  readonly #inner: LeaseRequest;
  readonly #confirmation: Confirmation;
  #unconfirmed: Grant | undefined;

  constructor(inner: LeaseRequest, confirmation: Confirmation) {
    this.name = inner.name;
    this.ttlMs = inner.ttlMs;
    this.units = inner.units;
    this.capacity = inner.capacity;
    this.deadline = inner.deadline;
    this.askedAt = inner.askedAt;
    this.#inner = inner;
    this.#confirmation = confirmation;
    inner.canceller = this;
  }

  granted(grant: Grant): void {
    this.#unconfirmed = grant;
    this.#confirmation.confirm(grant).then(
      () => this.#settle(() => this.#inner.granted(grant)),
      (error: unknown) => this.#discard(error),
    );
  }

  refused(): void {
    this.#inner.refused();
  }

  failed(reason: unknown): void {
    this.#inner.failed(reason);
  }

  cancel(reason: unknown): void {
    if (this.#unconfirmed) this.#discard(reason);
    else this.canceller?.cancel(reason);
  }

  #discard(reason: unknown): void {
    const grant = this.#unconfirmed;
    if (!grant) return;
    this.#confirmation.giveBack(grant);
    this.#settle(() => this.#inner.failed(reason));
  }

  /** Once: whoever cancels while it is confirmed has the last word. */
  #settle(answer: () => void): void {
    if (!this.#unconfirmed) return;
    this.#unconfirmed = undefined;
    answer();
  }
}

import type { Grant, LeaseRequest } from '../core/backend.ts';
import type { WakeSource } from '../core/diagnostics.ts';
import { ForwardedRequest } from '../core/forwarded-request.ts';

/** What is done about a grant before the caller hears of it. */
export interface Confirmation {
  confirm(grant: Grant): Promise<void>;
  /** Gives back what could not be confirmed, or what nobody wants any more. */
  giveBack(grant: Grant): void;
}

/** A request whose grant the caller is told of only when replicas have it, too. */
export class ReplicatedRequest extends ForwardedRequest {
  readonly #confirmation: Confirmation;
  #unconfirmed: Grant | undefined;

  constructor(inner: LeaseRequest, confirmation: Confirmation) {
    super(inner);
    this.#confirmation = confirmation;
  }

  granted(grant: Grant, wake?: WakeSource): void {
    this.#unconfirmed = grant;
    this.#confirmation.confirm(grant).then(
      () => this.#settle(() => this.inner.granted(grant, wake)),
      (error: unknown) => this.#discard(error),
    );
  }

  cancel(reason: unknown): void {
    if (this.#unconfirmed) this.#discard(reason);
    else this.canceller?.cancel(reason);
  }

  #discard(reason: unknown): void {
    const grant = this.#unconfirmed;
    if (!grant) return;
    this.#confirmation.giveBack(grant);
    this.#settle(() => this.inner.failed(reason));
  }

  /** Once: whoever cancels while it is confirmed has the last word. */
  #settle(answer: () => void): void {
    if (!this.#unconfirmed) return;
    this.#unconfirmed = undefined;
    answer();
  }
}

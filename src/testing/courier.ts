import type { Grant, LeaseRequest } from '../core/backend.ts';
import type { Alarm, Clock } from '../core/clock.ts';
import type { WakeSource } from '../core/diagnostics.ts';
import { ForwardedRequest } from '../core/forwarded-request.ts';
import { LockCapacityError, LockTimeoutError } from '../errors.ts';

/** What a courier needs to know beside the request. */
export interface CourierOrder {
  readonly clock: Clock;
  /** How long the server's answer takes. */
  readonly delayMs: number;
  /** Whether it gives up at its deadline: a try does not. */
  readonly waits: boolean;
  /** The caller has the grant. */
  delivered(grant: Grant): void;
  /** Nobody wants the grant any more. */
  undeliverable(grant: Grant): void;
}

/** Takes a request to the server at once and brings its answer later; what the client decides by itself takes no time. */
export class Courier extends ForwardedRequest {
  readonly #order: CourierOrder;
  /** Of an answer that is on its way. */
  #onTheWay: { readonly alarms: readonly Alarm[]; readonly grant: Grant | undefined } | undefined;

  constructor(request: LeaseRequest, order: CourierOrder) {
    super(request);
    this.#order = order;
  }

  cancel(reason: unknown): void {
    if (this.#onTheWay) this.#giveUp(reason);
    else this.canceller?.cancel(reason);
  }

  granted(grant: Grant, wake?: WakeSource): void {
    this.#bring(() => {
      this.#order.delivered(grant);
      this.inner.granted(grant, wake);
    }, grant);
  }

  override refused(): void {
    this.#bring(() => this.inner.refused());
  }

  override failed(reason: unknown): void {
    if (reason instanceof LockCapacityError) this.answer(reason);
    else this.inner.failed(reason);
  }

  /** The server's own answer is this error. */
  answer(error: unknown): void {
    this.#bring(() => this.inner.failed(error));
  }

  #bring(deliver: () => void, grant?: Grant): void {
    const { clock, delayMs, waits } = this.#order;
    if (delayMs === 0) {
      deliver();
      return;
    }
    const arrival = clock.callAt(clock.now() + delayMs, () => {
      this.#forget();
      deliver();
    });
    const patience = waits ? [clock.callAt(this.deadline, () => this.#giveUp(this.#timeout()))] : [];
    this.#onTheWay = { alarms: [arrival, ...patience], grant };
  }

  #giveUp(reason: unknown): void {
    const grant = this.#onTheWay?.grant;
    this.#forget();
    if (grant) this.#order.undeliverable(grant);
    this.inner.failed(reason);
  }

  #forget(): void {
    for (const alarm of this.#onTheWay?.alarms ?? []) alarm.cancel();
    this.#onTheWay = undefined;
  }

  #timeout(): LockTimeoutError {
    return new LockTimeoutError(this.name, this.#order.clock.now() - this.askedAt);
  }
}

import type { Grant } from './backend.ts';
import type { Alarm, Clock } from './clock.ts';

/** What tells a holder that its lease is lost: an alarm for the deadline, an ear for a release by force, a signal. */
export class LossSignal {
  readonly #clock: Clock;
  readonly #grant: Grant;
  readonly #ended: () => boolean;
  readonly #controller = new AbortController();
  #alarm: Alarm | undefined;
  #unlisten: (() => void) | undefined;

  /** `ended` tells whether the lease is over; asking it past the deadline is what declares the loss. */
  constructor(grant: Grant, clock: Clock, ended: () => boolean) {
    this.#grant = grant;
    this.#clock = clock;
    this.#ended = ended;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** `listen` is called at once, and what it returns when there is nothing left to hear of. */
  start(listen: () => () => void): void {
    this.restart();
    this.#unlisten = listen();
  }

  /** The deadline has moved closer: the alarm that is armed may be too late. */
  restart(): void {
    this.#alarm?.cancel();
    this.#alarm = this.#clock.callAt(this.#grant.deadline, () => {
      if (!this.#ended()) this.restart();
    });
  }

  stop(): void {
    this.#alarm?.cancel();
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }
}

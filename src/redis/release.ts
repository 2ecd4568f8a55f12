import type { LockBackendError } from '../errors.ts';
import type { Caller } from './open-call.ts';

/** The first sending of a release. */
export class Release implements Caller {
  readonly #resolve: (ours: boolean | Promise<boolean>) => void;
  readonly #again: (failure?: LockBackendError) => Promise<boolean>;

  constructor(
    resolve: (ours: boolean | Promise<boolean>) => void,
    again: (failure?: LockBackendError) => Promise<boolean>,
  ) {
    this.#resolve = resolve;
    this.#again = again;
  }

  answered(reply: unknown, _sentAt: number, repeated: boolean): void {
    const outcome = Number(reply);
    // Sent more than once, it may have been the first sending that released it.
    const released = outcome === 1 || outcome === 3 || repeated;
    this.#resolve(outcome >= 2 ? this.#again().then((later) => released || later) : released);
  }

  failed(error: LockBackendError): void {
    this.#resolve(this.#again(error));
  }
}

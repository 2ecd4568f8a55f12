import type { LockBackendError } from '../errors.ts';
import type { CommandLink } from './command-link.ts';
import type { Caller, ScriptCall } from './open-call.ts';
import type { Protocol } from './protocol.ts';

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

/** Sends a release until the server has answered or `giveUpAt` has passed; `failure` is what kept it from answering before. */
export async function releaseAgain(
  link: CommandLink,
  call: ScriptCall,
  giveUpAt: number,
  failure?: LockBackendError,
): Promise<boolean> {
  let released = false;
  for (let reason = failure; ; reason = undefined) {
    const persistence = { answerBy: Number.POSITIVE_INFINITY, failure: reason };
    const answer = await link.persist(call, giveUpAt, persistence);
    const outcome = Number(answer?.reply);
    released ||= outcome === 1 || outcome === 3 || answer?.repeated === true;
    if (!(outcome >= 2)) return released;
  }
}

/** Takes a lock from whoever holds it, or all its units from all who hold some. False when nobody did. */
export async function forceRelease(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  for (;;) {
    const { reply } = await link.run(protocol.release(name, 'force'));
    if (reply === 'shares') return forceShares(link, protocol, name);
    if (Number(reply) !== 2) return Number(reply) === 1;
  }
}

async function forceShares(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  let { reply } = await link.run(protocol.releaseShares(name, 'force'));
  const released = Number(reply) > 0;
  while (Number(reply) >= 2) reply = (await link.run(protocol.releaseShares(name, '-'))).reply;
  return released;
}

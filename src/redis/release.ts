import type { LockBackendError } from '../errors.ts';
import type { CommandLink } from './command-link.ts';
import { unexpectedReply, unfinished } from './errors.ts';
import type { Caller, ScriptCall } from './open-call.ts';
import { integerIn, outcomeIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';

/** The highest number that a release script answers. */
const MOST = 3;

/** The first sending of a release. */
export class Release implements Caller {
  readonly #name: string;
  readonly #resolve: (ours: boolean | Promise<boolean>) => void;
  readonly #again: (failure?: LockBackendError) => Promise<boolean>;

  constructor(
    name: string,
    resolve: (ours: boolean | Promise<boolean>) => void,
    again: (failure?: LockBackendError) => Promise<boolean>,
  ) {
    this.#name = name;
    this.#resolve = resolve;
    this.#again = again;
  }

  answered(reply: unknown, _sentAt: number, repeated: boolean): void {
    const outcome = integerIn(reply);
    if (outcome === undefined || outcome < 0 || outcome > MOST) {
      this.#resolve(Promise.reject(unexpectedReply(reply, this.#name)));
      return;
    }
    // Sent more than once, it may have been the first sending that released it.
    const released = outcome === 1 || outcome === 3 || repeated;
    this.#resolve(outcome >= 2 ? this.#again().then((later) => released || later) : released);
  }

  failed(error: LockBackendError): void {
    this.#resolve(this.#again(error));
  }
}

/**
 * A release over another connection than that of the request that it ends. Only its yes counts: that connection may be of
 * another database or go to a master that was replaced, and what it does not answer in time is sent `again` on the usual one.
 */
export class ReleaseAside implements Caller {
  readonly #resolve: (ours: boolean | Promise<boolean>) => void;
  readonly #again: () => Promise<boolean>;

  constructor(resolve: (ours: boolean | Promise<boolean>) => void, again: () => Promise<boolean>) {
    this.#resolve = resolve;
    this.#again = again;
  }

  answered(reply: unknown): void {
    const outcome = integerIn(reply);
    if (outcome === 1) this.#resolve(true);
    else this.#resolve(this.#again().then((ours) => ours || outcome === 3));
  }

  failed(): void {
    // It may have been released all the same.
    this.#resolve(this.#again().then(() => true));
  }
}

/** Sends a release until the server has answered or `giveUpAt` has passed; `failure` is what kept it from answering before. */
export async function releaseAgain(
  link: CommandLink,
  call: ScriptCall,
  giveUpAt: number,
  failure?: LockBackendError,
): Promise<boolean> {
  const end = link.endOfWork(giveUpAt);
  let released = false;
  for (let reason = failure; ; reason = undefined) {
    const persistence = { answerBy: Number.POSITIVE_INFINITY, failure: reason };
    const answer = await link.persist(call, giveUpAt, persistence);
    const outcome = outcomeIn(answer?.reply, MOST, call.lockName);
    released ||= outcome === 1 || outcome === 3 || answer?.repeated === true;
    if (outcome < 2) return released;
    if (!link.isPast(end)) continue;
    if (released) return true;
    throw unfinished(call.lockName);
  }
}

/** Takes a lock from whoever holds it, or all its units from all who hold some. False when nobody did. */
export async function forceRelease(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  const end = link.endOfWork();
  for (;;) {
    const { reply } = await link.run(protocol.release(name, 'force'));
    if (reply === 'shares') return forceShares(link, protocol, name);
    const outcome = outcomeIn(reply, 2, name);
    if (outcome < 2) return outcome === 1;
    if (link.isPast(end)) throw unfinished(name);
  }
}

async function forceShares(link: CommandLink, protocol: Protocol, name: string): Promise<boolean> {
  const end = link.endOfWork();
  const release = async (owner: string): Promise<number> => {
    const { reply } = await link.run(protocol.releaseShares(name, owner));
    return outcomeIn(reply, MOST, name);
  };
  let outcome = await release('force');
  const released = outcome > 0;
  while (outcome >= 2 && !link.isPast(end)) outcome = await release('-');
  return released;
}

import type { Grant } from '../core/backend.ts';
import type { LockBackendError } from '../errors.ts';
import type { AsideLink } from './aside-link.ts';
import type { CommandLink } from './command-link.ts';
import { isReply, unexpectedReply, unfinished } from './errors.ts';
import type { Leases } from './leases.ts';
import type { Caller, ScriptCall } from './open-call.ts';
import { integerIn, outcomeIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';
import type { Persistence } from './repeats.ts';

/** The highest number that a release script answers. */
const MOST = 3;

interface Parts {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly leases: Leases;
  readonly aside: AsideLink;
}

/** Gives leases back to the server, or some of their units, on the connection by which the next in line hears of it soonest. */
export class Releaser {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Resolves with whether the lease was still ours. `retrying` is called if the first sending fails. */
  release(grant: Grant, retrying?: () => void): Promise<boolean> {
    const { leases, aside } = this.#parts;
    // Who was handed the lock has seen that there is a line, so there may be one still.
    const link = leases.has(grant.owner) ? aside.link : undefined;
    if (!link) return this.#release(grant, retrying);
    const call = aside.call(grant.name, grant.owner);
    return new Promise((resolve) => {
      const release = new ReleaseAside(resolve, () => {
        retrying?.();
        return this.#release(grant, retrying);
      });
      link.send(call, Number.POSITIVE_INFINITY, release);
      leases.delete(grant);
    });
  }

  /** Keeps `units` of a share. Resolves with whether the lease was still ours. */
  async downgrade({ name, owner, deadline }: Grant, units: number): Promise<boolean> {
    const { link, protocol } = this.#parts;
    const call = protocol.downgrade(name, owner, units);
    const isOver = link.endOfWork();
    for (;;) {
      const { reply } = await link.run(call, deadline);
      const outcome = outcomeIn(reply, 2, name);
      if (outcome < 2) return outcome === 1;
      if (isOver()) throw unfinished(name);
    }
  }

  #release(grant: Grant, retrying?: () => void): Promise<boolean> {
    const { link, protocol, leases } = this.#parts;
    const call = protocol.release(grant.name, grant.owner);
    const { cuts } = link;
    return new Promise((resolve) => {
      const release = new Release(grant.name, resolve, (failure) => {
        retrying?.();
        return releaseAgain(link, call, grant.deadline, { failure, cuts });
      });
      link.send(call, Number.POSITIVE_INFINITY, release);
      leases.delete(grant);
    });
  }
}

/** The first sending of a release. */
class Release implements Caller {
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
class ReleaseAside implements Caller {
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

  failed(error: LockBackendError): void {
    const released = this.#again().then((ours) => {
      // Without an answer it may have been released all the same.
      if (ours || !isReply(error.cause)) return true;
      // So it was for who may not tell the next in line.
      if (error.reason === 'denied') throw error;
      return false;
    });
    this.#resolve(released);
  }
}

/** Sends a release until the server has answered or `giveUpAt` has passed; `first` is what became of a first sending that failed. */
async function releaseAgain(
  link: CommandLink,
  call: ScriptCall,
  giveUpAt: number,
  first: Pick<Persistence, 'failure' | 'cuts'>,
): Promise<boolean> {
  const isOver = link.endOfWork(giveUpAt);
  let released = false;
  for (let before = first; ; before = {}) {
    const persistence = { answerBy: Number.POSITIVE_INFINITY, ...before };
    const answer = await link.persist(call, giveUpAt, persistence);
    const outcome = outcomeIn(answer?.reply, MOST, call.lockName);
    released ||= outcome === 1 || outcome === 3 || answer?.repeated === true;
    if (outcome < 2) return released;
    if (!isOver()) continue;
    if (released) return true;
    throw unfinished(call.lockName);
  }
}

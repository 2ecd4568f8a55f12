import pDefer, { type DeferredPromise } from 'p-defer';
import type { Grant, LeaseRequest } from '../core/backend.ts';
import { leaseDeadline } from '../core/deadline.ts';
import { Waiter } from '../core/waiter.ts';
import { LockBackendError } from '../errors.ts';
import { ofLock } from './errors.ts';
import { type KeyRange, type Keys, tagFor } from './keys.ts';
import type { Call, Persistence } from './link.ts';
import { join, joinIfFree, lookAhead, type Outlook, type Place, readLine } from './protocol.ts';
import type { Turn, Turnstile } from './turnstile.ts';
import { type LeaseContext, WaitingLease } from './waiting-lease.ts';
import type { Watches } from './watches.ts';

export interface AcquisitionContext extends LeaseContext {
  readonly keys: Keys;
  readonly watches: Watches;
  readonly turnstile: Turnstile;
  /** Takes over a lease that has been granted. */
  hold(grant: Grant, lease: WaitingLease, place: Place): void;
  settled(acquisition: Acquisition): void;
}

/** A lease that was confirmed within this part of its TTL is as good as new. */
const FRESH = 0.1;

/** One acquire, from its first command until it is granted or given up. */
export class Acquisition extends Waiter {
  readonly #context: AcquisitionContext;
  readonly #line: KeyRange;
  #lease: WaitingLease | undefined;
  #place: Place | undefined;
  #turn: Turn | undefined;
  /** Resolved when what it waits for has happened: the key ahead or its own is gone, or the wait is over. */
  #news: DeferredPromise<void> = pDefer();

  constructor(owner: string, request: LeaseRequest, context: AcquisitionContext) {
    super(owner, request, context.deadlines);
    this.#context = context;
    this.#line = context.keys.line(request.name);
  }

  /** Waits in line until it is first. Never rejects. */
  async wait(): Promise<void> {
    this.startTimer();
    this.#turn = this.#context.turnstile.enter(this.request.name);
    await this.#guarded(async () => {
      // Whose lease was revoked, or ran out while the process stood still, lines up again, at the end.
      while (this.#waiting) {
        const outlook = await this.#lineUp(join, this.#persistence);
        if (outlook && (await this.#comeFirst(outlook)) && (await this.#take())) return;
        this.#giveBack();
      }
    });
  }

  /** Takes the lock if nobody has it or is in line for it. Never rejects. */
  async try(): Promise<void> {
    const { link } = this.#context;
    const persistence = { ...this.#persistence, giveUpAt: link.clock.now() + link.commandTimeoutMs };
    await this.#guarded(async () => {
      // A look is cheaper for everybody than a lease that comes to nothing.
      const { reply } = await link.persist(readLine(this.#line, 1), persistence);
      const outlook = reply.count === 0 && this.#waiting && (await this.#lineUp(joinIfFree, persistence));
      if (!outlook || outlook.ahead || !(await this.#take())) this.refuse();
    });
  }

  protected override whyTooLate(): unknown {
    return (this.#place ? undefined : this.#outage()) ?? this.timeoutError();
  }

  protected ended(): void {
    const { lease } = this;
    if (lease && this.#lease && this.#place) this.#context.hold(lease, this.#lease, this.#place);
    this.#turn?.leave();
    this.#news.resolve();
    this.#context.settled(this);
  }

  get #waiting(): boolean {
    return this.outcome === 'waiting';
  }

  get #persistence(): Persistence {
    return {
      // The wait timer has the last word, to the millisecond.
      giveUpAt: Number.POSITIVE_INFINITY,
      moot: () => !this.#waiting,
      lockName: this.request.name,
    };
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.fail(error);
    } finally {
      if (this.outcome !== 'granted') this.#giveBack();
    }
  }

  /** Makes a lease and puts a key into the line. Undefined if the lease did not live that long. */
  async #lineUp(how: typeof join, persistence: Persistence): Promise<Outlook | undefined> {
    const { link, keys } = this.#context;
    const { name, ttlMs } = this.request;
    const lease = new WaitingLease(this.#context, ttlMs, this.#onEnd);
    this.#lease = lease;
    await lease.begin(persistence);
    await this.#turn?.come;
    if (!this.#waiting) return undefined;
    const call: Call<Outlook | undefined> = how(
      this.#line,
      keys.place(name, lease.id),
      tagFor(this.owner, ttlMs),
      lease.id,
    );
    const { reply } = await link.persist(call, persistence);
    this.#turn?.leave();
    if (!reply?.own) return undefined;
    this.#place = reply.own;
    return reply;
  }

  /** Resolves when nobody is ahead any more; false when the place in line is lost or not wanted any more. */
  async #comeFirst(outlook: Outlook): Promise<boolean> {
    let { own, ahead, revision } = outlook;
    while (own && ahead && this.#waiting) {
      await this.#change(own, ahead, revision);
      if (!this.#waiting) return false;
      // At the front most of the time: so the lease is renewed along with the look.
      const [look, renewed] = await Promise.all([this.#look(own), this.#renew()]);
      ({ own, ahead, revision } = look);
      if (!renewed) return false;
    }
    return own !== undefined && this.#waiting;
  }

  /** Until the key ahead or our own is deleted after `revision`, or that cannot be told any more. */
  async #change(own: Place, ahead: Buffer, revision: number): Promise<void> {
    const news: DeferredPromise<void> = pDefer();
    this.#news = news;
    const watch = (key: Buffer, onLate?: () => void) =>
      this.#context.watches.watch({
        key,
        deletionsOnly: true,
        from: revision + 1,
        onEvents: () => news.resolve(),
        onEnd: this.#onEnd,
        ...(onLate && { onLate }),
      });
    const stops = [watch(own.key), watch(ahead, () => void this.#lookOnce(own, ahead, news))];
    await news.promise;
    for (const stop of stops) stop();
  }

  /** Whether the key ahead has gone while its watch was made. If that can't be told now, the watch will tell. */
  async #lookOnce(own: Place, ahead: Buffer, news: DeferredPromise<void>): Promise<void> {
    const look = await this.#context.link.run(lookAhead(this.#line, own)).catch(() => undefined);
    if (look && !look.ahead?.equals(ahead)) news.resolve();
  }

  /** A lease or a watch has ended: a look tells what that means, unless it is known already. */
  readonly #onEnd = (failure?: LockBackendError): void => {
    if (failure) this.fail(ofLock(failure, this.request.name));
    this.#news.resolve();
  };

  async #look(own: Place): Promise<Outlook> {
    return (await this.#context.link.persist(lookAhead(this.#line, own), this.#persistence)).reply;
  }

  /** Grants. False when the lease has ended before. */
  async #take(): Promise<boolean> {
    const { clock } = this.#context.link;
    const { ttlMs } = this.request;
    const lease = this.#lease;
    const place = this.#place;
    if (!lease || !place) return false;
    if (clock.now() - lease.confirmedAt > ttlMs * FRESH && !(await this.#renew())) return false;
    if (!this.#waiting) return false;
    this.grant(place.createRevision, leaseDeadline(lease.confirmedAt, ttlMs));
    return true;
  }

  /** Until etcd says whether our lease is there; false when it is not, or nobody waits any more. */
  async #renew(): Promise<boolean> {
    const { link } = this.#context;
    const lease = this.#lease;
    if (!lease) return false;
    try {
      const { reply } = await link.persist(
        (_client, _options, patienceMs) => lease.renew(patienceMs),
        this.#persistence,
      );
      return reply;
    } catch (error) {
      if (!this.#waiting && error instanceof LockBackendError) return false;
      throw error;
    }
  }

  #giveBack(): void {
    this.#lease?.revoke();
    this.#lease = undefined;
    this.#place = undefined;
  }

  #outage(): LockBackendError | undefined {
    const { outage } = this.#context.link;
    return outage && ofLock(outage, this.request.name);
  }
}

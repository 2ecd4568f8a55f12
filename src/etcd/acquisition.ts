import pDefer, { type DeferredPromise } from 'p-defer';
import type { Grant, LeaseRequest } from '../core/backend.ts';
import { leaseDeadline } from '../core/deadline.ts';
import type { WakeSource } from '../core/diagnostics.ts';
import { Waiter } from '../core/waiter.ts';
import { LockBackendError, LockCapacityError, ofLock } from '../errors.ts';
import { isLeaseGone } from './errors.ts';
import type { FollowedLines } from './followed-line.ts';
import { type KeyRange, type Keys, tagFor } from './keys.ts';
import type { Call, Persistence } from './link.ts';
import { type Place, readPlace } from './protocol.ts';
import { reattach } from './reattach.ts';
import type { NewKey } from './share-protocol.ts';
import { isOneReign, type Term } from './terms.ts';
import type { Turn, Turnstile } from './turnstile.ts';
import { type LeaseContext, WaitingLease } from './waiting-lease.ts';
import type { Watches } from './watches.ts';

export interface AcquisitionContext extends LeaseContext {
  readonly keys: Keys;
  readonly watches: Watches;
  readonly lines: FollowedLines;
  readonly turnstile: Turnstile;
  /** Takes over a lease that has been granted. */
  hold(grant: Grant, lease: WaitingLease, place: Place): void;
  settled(acquisition: Acquisition): void;
}

/** A lease that was confirmed within this part of its TTL is as good as new. */
const FRESH = 0.1;

/** One acquire, from its first command until it is granted or given up. */
export abstract class Acquisition extends Waiter {
  protected readonly context: AcquisitionContext;
  protected readonly line: KeyRange;
  /** Resolved when what it waits for has happened, or the wait is over. */
  protected news: DeferredPromise<void> = pDefer();
  /** What told it of its turn. */
  protected wake: WakeSource = 'reply';
  /** Local instant after which nothing is tried again. Of a wait, its timer has the last word, to the millisecond. */
  #giveUpAt = Number.POSITIVE_INFINITY;
  #lease: WaitingLease | undefined;
  #place: Place | undefined;
  #turn: Turn | undefined;

  constructor(owner: string, request: LeaseRequest, context: AcquisitionContext) {
    super(owner, request, context.deadlines);
    this.context = context;
    this.line = context.keys.line(request.name);
  }

  /** Waits in line until it holds. Never rejects. */
  async wait(): Promise<void> {
    this.enter();
    // It may be over at once, and then leaves its turn.
    this.startTimer();
    await this.#guarded(async () => {
      // Whose lease was revoked, or ran out while the process stood still, lines up again, at the end.
      while (this.waiting) {
        if ((await this.comeFirst()) && (await this.#take())) return;
        this.#giveBack();
      }
    });
  }

  /** Takes the lock if there is room for it and nobody in line. Never rejects. */
  async try(): Promise<void> {
    const { link } = this.context;
    this.#giveUpAt = link.clock.now() + link.commandTimeoutMs;
    await this.#guarded(async () => {
      if (!(await this.slipIn()) || !(await this.#take())) this.refuse();
    });
  }

  /** Lines up and waits until it holds. False when the place in line is lost or not wanted any more. */
  protected abstract comeFirst(): Promise<boolean>;

  /** Lines up only where it holds at once. */
  protected abstract slipIn(): Promise<boolean>;

  protected override whyTooLate(): unknown {
    return (this.#place ? undefined : this.#outage()) ?? this.timeoutError();
  }

  protected ended(): void {
    const { lease } = this;
    if (lease && this.#lease && this.#place) this.context.hold(lease, this.#lease, this.#place);
    this.#turn?.leave();
    this.news.resolve();
    this.context.settled(this);
  }

  protected get waiting(): boolean {
    return this.outcome === 'waiting';
  }

  get #persistence(): Persistence {
    return {
      giveUpAt: this.#giveUpAt,
      moot: () => !this.waiting,
      lockName: this.request.name,
    };
  }

  /** The lock is in use with another capacity. */
  protected clash(actual: number): void {
    const { name, capacity } = this.request;
    this.fail(new LockCapacityError(name, capacity, actual));
  }

  /** Asks for its turn to put a key into this line, after those of this client who asked before. */
  protected enter(): void {
    this.#turn = this.context.turnstile.enter(this.request.name);
  }

  /** Makes a lease and puts a key into the line. Undefined if that is not to be, or the lease did not live that long. */
  protected async lineUp<T extends { readonly own: Place | undefined }>(
    put: (entrant: NewKey) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { keys } = this.context;
    const { name, ttlMs } = this.request;
    const lease = new WaitingLease(this.context, ttlMs, this.onEnd);
    this.#lease = lease;
    await lease.begin(this.#persistence);
    await this.#myTurn();
    if (!this.waiting) return undefined;
    const value = tagFor(this.owner, ttlMs, this.request);
    const outlook = await put({ key: keys.place(name, lease.id), value, lease: lease.id });
    this.#turn?.leave();
    if (!outlook?.own) return undefined;
    this.#place = outlook.own;
    return outlook;
  }

  /** A lease or a watch has ended: a look tells what that means, unless it is known already. */
  protected readonly onEnd = (failure?: LockBackendError): void => {
    if (failure) this.fail(ofLock(failure, this.request.name));
    this.news.resolve();
  };

  /** The answer to a call that is repeated until there is one. */
  protected async ask<T>(call: Call<T>): Promise<T> {
    return (await this.context.link.persist(call, this.#persistence)).reply;
  }

  /** Renews our lease, and looks through the quorum. Undefined when the lease has ended, or nobody waits any more. */
  protected async renewWithLook<T extends { readonly term: Term }>(call: Call<T>): Promise<T | undefined> {
    const { link } = this.context;
    const lease = this.#lease;
    if (!lease) return undefined;
    const sentAt = link.clock.now();
    const [first, renewed] = await Promise.all([this.ask(call), this.#renew(lease)]);
    if (!renewed) return undefined;
    // In the meantime a leader may have been replaced: only a look after the renewal tells.
    const late = first.term === lease.madeIn && !isOneReign(link, sentAt);
    const look = late ? await this.ask(call) : first;
    lease.certain = look.term === lease.madeIn;
    return look;
  }

  /** Until etcd says whether our lease is there; false when it is not, or nobody waits any more. */
  async #renew(lease: WaitingLease): Promise<boolean> {
    try {
      return await this.ask((_client, _options, patienceMs) => lease.renew(patienceMs));
    } catch (error) {
      if (!this.waiting && error instanceof LockBackendError) return false;
      throw error;
    }
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

  async #myTurn(): Promise<void> {
    const { link } = this.context;
    const giveUpAt = this.#giveUpAt;
    const come = this.#turn?.come;
    if (!come) return;
    // Who is before us may persist for longer than we do.
    if (giveUpAt === Number.POSITIVE_INFINITY) await come;
    else await link.within(giveUpAt - link.clock.now(), come, this.request.name);
  }

  /** Grants. False when the lease has ended before. */
  async #take(): Promise<boolean> {
    const { clock } = this.context.link;
    const { ttlMs } = this.request;
    const place = this.#place;
    let lease = this.#lease;
    if (!lease || !place) return false;
    if (clock.now() - lease.confirmedAt > ttlMs * FRESH) {
      if (!(await this.renewWithLook(readPlace(place)))?.key) return false;
    }
    if (!lease.certain) lease = await this.#changeLease(lease, place);
    if (!lease || !this.waiting) return false;
    this.grant(place.createRevision, leaseDeadline(lease.confirmedAt, ttlMs), this.wake);
    return true;
  }

  /** Moves our key to a lease that is unknown to leaders before this one. Undefined when that is not to be. */
  async #changeLease(old: WaitingLease, place: Place): Promise<WaitingLease | undefined> {
    const lease = new WaitingLease(this.context, this.request.ttlMs, this.onEnd);
    this.#lease = lease;
    try {
      await lease.begin(this.#persistence);
      if (!this.waiting) return undefined;
      const moved = await reattach(place, lease.id, {
        ask: (call) => this.ask(call),
        valueFor: ({ value }) => value,
      });
      return moved ? lease : undefined;
    } catch (error) {
      if (isLeaseGone(error)) return undefined;
      throw error;
    } finally {
      // With the key, unless that has moved.
      old.revoke();
    }
  }

  #giveBack(): void {
    this.#lease?.revoke();
    this.#lease = undefined;
    this.#place = undefined;
  }

  #outage(): LockBackendError | undefined {
    const { outage } = this.context.link;
    return outage && ofLock(outage, this.request.name);
  }
}

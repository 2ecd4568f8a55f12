import type { Grant, LeaseRequest } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import type { Owners } from '../core/owner.ts';
import { LockBackendError } from '../errors.ts';
import { Acquisition, type AcquisitionContext } from './acquisition.ts';
import type { CommandLink } from './command-link.ts';
import type { Inbox } from './inbox.ts';
import type { Leases } from './leases.ts';
import type { Protocol } from './protocol.ts';
import { WaitingRoom } from './waiting-room.ts';

interface Parts {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly owners: Owners;
  readonly inbox: Inbox;
  readonly leases: Leases;
  readonly safetyNetMs: number;
}

/** Ends the wait of a try that was refused. */
const REFUSED = new Error('refused');

/** Every acquire of this client that is under way, from its first command until it is granted or given up. */
export class WaitingLine implements AcquisitionContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly #parts: Parts;
  readonly #acquisitions = new Map<string, Acquisition>();
  readonly #rooms = new Map<string, WaitingRoom>();
  /** Per name, the last acquire that has not got past the opening of the inbox. */
  readonly #entering = new Map<string, Promise<void>>();
  /** Owner ids that are being given back to the server. */
  readonly #chases = new Map<string, Promise<void>>();

  constructor(parts: Parts) {
    this.link = parts.link;
    this.protocol = parts.protocol;
    this.clock = parts.clock;
    this.#parts = parts;
  }

  acquire(request: LeaseRequest): Promise<Grant> {
    const acquisition = this.#start(request);
    if (this.#parts.inbox.opened) void acquisition.ask();
    else void this.#enter(acquisition);
    return acquisition.waiter.promise;
  }

  async tryAcquire(request: LeaseRequest): Promise<Grant | null> {
    const acquisition = this.#start(request);
    const { waiter } = acquisition;
    acquisition.try().then(
      (answered) => answered || waiter.fail(REFUSED),
      (error: unknown) => waiter.fail(error),
    );
    try {
      return await waiter.promise;
    } catch (error) {
      if (error === REFUSED) return null;
      throw error;
    }
  }

  find(owner: string): Acquisition | undefined {
    return this.#acquisitions.get(owner);
  }

  findRoom(name: string): WaitingRoom | undefined {
    return this.#rooms.get(name);
  }

  roomFor(name: string): WaitingRoom {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new WaitingRoom(this.clock, this.#parts.safetyNetMs);
      this.#rooms.set(name, room);
    }
    return room;
  }

  ended(acquisition: Acquisition): void {
    const { owner, outcome, request, lease } = acquisition.waiter;
    this.#acquisitions.delete(owner);
    if (lease) this.#parts.leases.add(lease);
    const room = this.#rooms.get(request.name);
    room?.leave(acquisition, lease?.ttlMs);
    if (room?.empty) this.#rooms.delete(request.name);
    if (outcome === 'failed' && acquisition.asked) this.giveBack(acquisition);
  }

  giveBack({ waiter }: Acquisition): void {
    this.chase(waiter.request.name, waiter.owner, waiter.request.ttlMs);
  }

  /** Makes the server forget an owner id that nobody here answers to, until it has answered or the TTL has passed. */
  chase(name: string, owner: string, ttlMs: number): void {
    if (this.#chases.has(owner)) return;
    const chase = this.#chase(name, owner, this.clock.now() + ttlMs).finally(() =>
      this.#chases.delete(owner),
    );
    this.#chases.set(owner, chase);
  }

  /**
   * The inbox was deaf for a while: messages may have been missed, and waiters dropped as dead. So everybody asks
   * again, with the old place, also who has not been told of one yet.
   */
  askAll(): void {
    for (const room of this.#rooms.values()) room.anchor = undefined;
    for (const acquisition of this.#acquisitions.values()) if (acquisition.queues) void acquisition.ask();
  }

  /** Ends every wait with an error. */
  failAll(error: (name: string) => Error): void {
    for (const { waiter } of [...this.#acquisitions.values()]) waiter.fail(error(waiter.request.name));
  }

  /** Resolves when nothing is being given back any more. */
  async chased(): Promise<void> {
    await Promise.all(this.#chases.values());
  }

  #start(request: LeaseRequest): Acquisition {
    const acquisition = new Acquisition(this.#parts.owners.next(request.ttlMs), request, this);
    this.#acquisitions.set(acquisition.waiter.owner, acquisition);
    return acquisition;
  }

  /**
   * The way in before the inbox is open: the first to come just tries, so that a client that never has to wait
   * needs no second connection. Whoever comes for the same name meanwhile follows in turn.
   */
  async #enter(acquisition: Acquisition): Promise<void> {
    const { waiter } = acquisition;
    const { name } = waiter.request;
    const turn = this.#getReady(acquisition, this.#entering.get(name)).catch((error) => waiter.fail(error));
    this.#entering.set(name, turn);
    await turn;
    if (this.#entering.get(name) === turn) this.#entering.delete(name);
    if (waiter.outcome === 'waiting') await acquisition.ask();
  }

  async #getReady(acquisition: Acquisition, before: Promise<void> | undefined): Promise<void> {
    const { waiter } = acquisition;
    let unanswered: LockBackendError | undefined;
    if (before) waiter.startTimer(() => this.link.outage(waiter.request.name) ?? waiter.timeoutError());
    if (before) await before;
    else unanswered = await this.#tryFirst(acquisition);
    waiter.startTimer(() => (acquisition.hasPlace ? undefined : unanswered) ?? waiter.timeoutError());
    if (waiter.outcome !== 'waiting') return;
    // Whoever gives up before the inbox is open must not keep those behind.
    await Promise.race([this.#parts.inbox.open(), waiter.promise.catch(() => {})]);
  }

  /** Resolves with the error if the server could not be asked; what is not worth trying again rejects. */
  async #tryFirst(acquisition: Acquisition): Promise<LockBackendError | undefined> {
    try {
      await acquisition.try(acquisition.waiter.request.deadline);
      return undefined;
    } catch (error) {
      if (error instanceof LockBackendError && error.retryable) return error;
      throw error;
    }
  }

  async #chase(name: string, owner: string, giveUpAt: number): Promise<void> {
    const call = this.protocol.release(name, owner);
    try {
      let outcome: number;
      do {
        outcome = Number((await this.link.persist(call, giveUpAt))?.reply);
      } while (outcome === 2);
    } catch (error) {
      // What the server could not be told ends with its TTL.
      if (!(error instanceof LockBackendError)) throw error;
    }
  }
}

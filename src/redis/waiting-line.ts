import type { Grant, LeaseRequest } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import { LinkedSet } from '../core/linked-set.ts';
import type { Owners } from '../core/owner.ts';
import { Registry } from '../core/registry.ts';
import { LockBackendError } from '../errors.ts';
import { Acquisition, type AcquisitionContext } from './acquisition.ts';
import type { CommandLink } from './command-link.ts';
import { Door, type DoorContext } from './door.ts';
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
export class WaitingLine implements AcquisitionContext, DoorContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly #parts: Parts;
  readonly #acquisitions = new LinkedSet<Acquisition>();
  /** Those to whom a message may come, by owner id. */
  readonly #expecting = new Registry<Acquisition>();
  readonly #rooms = new Map<string, WaitingRoom>();
  /** Per name, those who came before the inbox was open. */
  readonly #doors = new Registry<Door>();
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
    if (this.#parts.inbox.opened) acquisition.ask();
    else this.#enter(acquisition);
    return acquisition.waiter.promise;
  }

  async tryAcquire(request: LeaseRequest): Promise<Grant | null> {
    const acquisition = this.#start(request);
    const { waiter } = acquisition;
    acquisition.try(Number.POSITIVE_INFINITY);
    try {
      return await waiter.promise;
    } catch (error) {
      if (error === REFUSED) return null;
      throw error;
    }
  }

  find(owner: string): Acquisition | undefined {
    return this.#expecting.get(owner);
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

  openInbox(): Promise<void> {
    return this.#parts.inbox.open();
  }

  outage(name: string): LockBackendError | undefined {
    return this.link.outage(name);
  }

  closed(name: string): void {
    this.#doors.delete(name);
  }

  expectMessage(acquisition: Acquisition): void {
    this.#expecting.add(acquisition.waiter.owner, acquisition);
  }

  refused({ door, waiter }: Acquisition, failure?: LockBackendError): void {
    if (door) door.refused(failure);
    else waiter.fail(failure ?? REFUSED);
  }

  ended(acquisition: Acquisition): void {
    const { owner, outcome, request, lease } = acquisition.waiter;
    this.#acquisitions.delete(acquisition);
    if (acquisition.queues) this.#expecting.delete(owner);
    if (lease && acquisition.mayBeTold) this.#parts.leases.add(lease);
    const room = this.#rooms.get(request.name);
    room?.leave(acquisition, lease?.ttlMs);
    if (room?.empty) this.#rooms.delete(request.name);
    acquisition.door?.left(acquisition);
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
    for (const acquisition of this.#acquisitions.toArray())
      if (acquisition.queues) void acquisition.askAgain();
  }

  /** Ends every wait with an error. */
  failAll(error: (name: string) => Error): void {
    for (const { waiter } of this.#acquisitions.toArray()) waiter.fail(error(waiter.request.name));
  }

  /** Resolves when nothing is being given back any more. */
  async chased(): Promise<void> {
    await Promise.all(this.#chases.values());
  }

  #start(request: LeaseRequest): Acquisition {
    const acquisition = new Acquisition(this.#parts.owners.next(request.ttlMs), request, this);
    this.#acquisitions.add(acquisition);
    return acquisition;
  }

  #enter(acquisition: Acquisition): void {
    const { name, deadline } = acquisition.waiter.request;
    const door = this.#doors.get(name);
    if (door) {
      door.follow(acquisition);
      return;
    }
    acquisition.door = new Door(acquisition, this);
    this.#doors.add(name, acquisition.door);
    acquisition.try(deadline);
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

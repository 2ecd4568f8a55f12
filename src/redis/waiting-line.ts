import type { Grant, LeaseRequest } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import { DeadlineQueue } from '../core/deadline-queue.ts';
import { LinkedSet } from '../core/linked-set.ts';
import { type Owners, ttlOf } from '../core/owner.ts';
import { Registry } from '../core/registry.ts';
import { LockBackendError } from '../errors.ts';
import { Acquisition } from './acquisition.ts';
import type { AcquisitionContext } from './acquisition-context.ts';
import type { CommandLink } from './command-link.ts';
import { Door, type DoorContext } from './door.ts';
import type { Inboxes } from './inboxes.ts';
import type { Leases } from './leases.ts';
import { integerIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';
import { type Anchor, WaitingRoom } from './waiting-room.ts';

interface Parts {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly owners: Owners;
  readonly inboxes: Inboxes;
  readonly leases: Leases;
  readonly safetyNetMs: number;
}

interface Chase {
  again: boolean;
  done: Promise<void>;
}

/** Every acquire of this client that is under way, from its first command until it is granted or given up. */
export class WaitingLine implements AcquisitionContext, DoorContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue;
  readonly #parts: Parts;
  /** Those who have no place in line yet. */
  readonly #unplaced = new LinkedSet<Acquisition>();
  /** Those to whom a message may come, by owner id. */
  readonly #expecting = new Registry<Acquisition>();
  readonly #rooms = new Registry<WaitingRoom>();
  /** Per name, those who came before the inbox was open. */
  readonly #doors = new Registry<Door>();
  /** Owner ids that are being given back to the server. */
  readonly #chases = new Map<string, Chase>();

  constructor(parts: Parts) {
    this.link = parts.link;
    this.protocol = parts.protocol;
    this.clock = parts.clock;
    this.deadlines = new DeadlineQueue(parts.clock);
    this.#parts = parts;
  }

  acquire(request: LeaseRequest): void {
    const acquisition = this.#start(request);
    if (this.#parts.inboxes.opened(request.name)) acquisition.ask();
    else this.#enter(acquisition);
  }

  tryAcquire(request: LeaseRequest): void {
    this.#start(request).try(Number.POSITIVE_INFINITY);
  }

  find(owner: string): Acquisition | undefined {
    return this.#expecting.get(owner);
  }

  findRoom(name: string): WaitingRoom | undefined {
    return this.#rooms.get(name);
  }

  placeLost(acquisition: Acquisition): void {
    const { name } = acquisition.request;
    this.#parts.inboxes.recheck(name);
    void this.#rooms.get(name)?.askNeighbours(acquisition);
  }

  placed(acquisition: Acquisition, anchor: Anchor, leftMs: number, now: number): void {
    this.link.rest();
    if (!acquisition.room) this.#unplaced.delete(acquisition);
    (acquisition.room ?? this.#roomFor(acquisition.request.name)).admit(acquisition, anchor, leftMs, now);
  }

  openInbox(name: string): Promise<void> {
    return this.#parts.inboxes.open(name);
  }

  outage(name: string): LockBackendError | undefined {
    return this.link.outage(name);
  }

  closed(name: string): void {
    this.#doors.delete(name);
  }

  expectMessage(acquisition: Acquisition): void {
    this.#expecting.add(acquisition.owner, acquisition);
    this.#parts.inboxes.enter(acquisition.request.name);
  }

  refused(acquisition: Acquisition, failure?: LockBackendError): void {
    if (acquisition.door) acquisition.door.refused(failure);
    else if (failure) acquisition.fail(failure);
    else acquisition.refuse();
  }

  forget(acquisition: Acquisition): void {
    const { owner, outcome, lease, room, request } = acquisition;
    if (acquisition.queues) {
      this.#expecting.delete(owner);
      this.#parts.inboxes.leave(request.name);
    }
    if (room) {
      // As it was granted: the caller may have asked for another TTL since.
      room.leave(acquisition, lease && request.ttlMs);
      if (room.empty) this.#rooms.delete(request.name);
    } else {
      this.#unplaced.delete(acquisition);
    }
    acquisition.door?.left(acquisition);
    if (outcome === 'failed' && acquisition.asked) this.giveBack(acquisition);
  }

  told(lease: Grant): void {
    this.#parts.leases.add(lease);
  }

  giveBack({ request, owner }: Acquisition): void {
    this.chase(request.name, owner);
  }

  /** Makes the server forget an owner id that nobody here answers to, until it has answered or the TTL has passed. */
  chase(name: string, owner: string): void {
    const running = this.#chases.get(owner);
    if (running) {
      // What it has already asked may have come too early.
      running.again = true;
      return;
    }
    const chase = { again: false, done: Promise.resolve() };
    this.#chases.set(owner, chase);
    chase.done = this.#chase(name, owner, chase);
  }

  /**
   * An inbox was deaf for a while, that of one lock or of all: messages may have been missed, and waiters dropped as
   * dead. So everybody asks again, with the old place, also who has not been told of one yet.
   */
  askAll(name?: string): void {
    for (const acquisition of this.#all(name)) {
      if (acquisition.room) acquisition.room.anchor = undefined;
      if (acquisition.queues) void acquisition.askAgain('reconnected');
    }
  }

  /** Ends every wait with an error. */
  failAll(error: (name: string) => Error): void {
    for (const acquisition of this.#all()) acquisition.fail(error(acquisition.request.name));
  }

  /** After `failAll`: nobody comes any more. */
  close(): void {
    this.deadlines.close();
  }

  /** Resolves when nothing is being given back any more. */
  async chased(): Promise<void> {
    await Promise.all([...this.#chases.values()].map(({ done }) => done));
  }

  #start(request: LeaseRequest): Acquisition {
    const acquisition = new Acquisition(this.#parts.owners.next(request), request, this);
    this.#unplaced.add(acquisition);
    return acquisition;
  }

  /** Those for one lock, or for any. */
  #all(name?: string): Acquisition[] {
    const unplaced = this.#unplaced.toArray();
    if (name === undefined)
      return this.#rooms
        .values()
        .flatMap((room) => room.all)
        .concat(unplaced);
    const here = unplaced.filter(({ request }) => request.name === name);
    return (this.#rooms.get(name)?.all ?? []).concat(here);
  }

  #roomFor(name: string): WaitingRoom {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new WaitingRoom(this.deadlines, this.#parts.safetyNetMs);
      this.#rooms.add(name, room);
    }
    return room;
  }

  #enter(acquisition: Acquisition): void {
    const { name } = acquisition.request;
    const door = this.#doors.get(name);
    if (door) {
      acquisition.door = door;
      door.follow(acquisition);
      return;
    }
    acquisition.door = new Door(acquisition, this);
    this.#doors.add(name, acquisition.door);
    acquisition.try();
  }

  async #chase(name: string, owner: string, chase: Chase): Promise<void> {
    const call = this.protocol.release(name, owner);
    const giveUpAt = this.clock.now() + ttlOf(owner);
    const isOver = this.link.endOfWork(giveUpAt);
    try {
      let unfinished: boolean;
      do {
        chase.again = false;
        const answer = await this.link.persist(call, giveUpAt);
        unfinished = (integerIn(answer?.reply) ?? 0) >= 2 && !isOver();
      } while (unfinished || chase.again);
    } catch (error) {
      // What the server could not be told ends with its TTL.
      if (!(error instanceof LockBackendError)) throw error;
    } finally {
      // In the same turn as the last look at `again`.
      this.#chases.delete(owner);
    }
  }
}

import type { Redis } from 'ioredis';
import type { Grant, LeaseRequest, LockBackend, LockState, Observation } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import { DeadlineQueue } from '../core/deadline-queue.ts';
import { LinkedSet } from '../core/linked-set.ts';
import { Owners } from '../core/owner.ts';
import { LockClosedError } from '../errors.ts';
import { RedisBackend } from '../redis/backend.ts';
import { closedError } from '../redis/errors.ts';
import { listenForForced } from '../redis/forced.ts';
import { type AcquisitionContext, RedlockAcquisition } from './acquisition.ts';
import type { Ballot } from './ballot.ts';
import { Heartbeat } from './heartbeat.ts';
import type { RedlockSettings } from './options.ts';
import { count, poll } from './poll.ts';
import { type Keeper, releaseEverywhere } from './release.ts';
import { Server, type ServerEvents } from './server.ts';
import { Servers } from './servers.ts';
import { mergeStates } from './state.ts';
import { MovingWatch } from './watch.ts';

/** One of the servers, as the user has named it. */
export interface RedlockSource {
  readonly redis: Redis;
  /** Whether the connection is ours to end. */
  readonly owned: boolean;
  /** For errors; without credentials. */
  readonly label: string;
}

/**
 * Locks on several independent Redis servers, of which a quorum has to agree
 * (https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/). Who waits, waits in the line of one server,
 * the first that can be asked, and asks the others when its turn has come. Safety rests on the quorum alone, so it
 * does not matter when two clients disagree about which server is the first.
 */
export class RedlockBackend implements LockBackend, AcquisitionContext, ServerEvents {
  readonly kind = 'redlock';
  readonly supports = { capacity: false, fencing: true, fifo: true, counters: false };
  readonly clock: Clock;
  readonly driftFactor: number;
  readonly patienceMs: number;
  readonly servers: Servers;
  readonly deadlines: DeadlineQueue;
  readonly #acquisitions = new LinkedSet<RedlockAcquisition>();
  readonly #watches = new Set<MovingWatch>();
  /** How the leases came about: which servers may keep something for them. */
  readonly #ballots = new WeakMap<Grant, Ballot>();
  readonly #heartbeat: Heartbeat;
  #closing: Promise<void> | undefined;

  constructor(sources: readonly RedlockSource[], settings: RedlockSettings, clock: Clock) {
    this.clock = clock;
    this.driftFactor = settings.driftFactor;
    this.patienceMs = settings.commandTimeoutMs;
    this.deadlines = new DeadlineQueue(clock);
    this.#heartbeat = new Heartbeat(clock, settings.commandTimeoutMs, () => this.#beat());
    // One owner id has to mean the same on all servers.
    const owners = new Owners(settings.clientName);
    const servers = sources.map(({ redis, owned, label }) => {
      return new Server(label, new RedisBackend(redis, settings, clock, owned, owners), this);
    });
    this.servers = new Servers(servers, settings.quorum);
  }

  acquire(request: LeaseRequest): void {
    this.#start(request, true);
  }

  tryAcquire(request: LeaseRequest): void {
    this.#start(request, false);
  }

  async refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    this.#assertOpen(grant.name);
    const { quorum } = this.servers;
    const keepers = this.#keepersOf(grant);
    const spare = keepers.length - quorum;
    return poll(
      keepers.map(({ server }) => [server, server.backend.refresh(grant, ttlMs)] as const),
      (answers) => count(answers, quorum, spare + 1),
      (failed) => this.servers.error(failed, grant.name),
    );
  }

  async release(grant: Grant): Promise<boolean> {
    this.#assertOpen(grant.name);
    return releaseEverywhere(grant, this.#keepersOf(grant), this.servers);
  }

  onForced(grant: Grant, listener: (reason?: 'taken') => void): () => void {
    const keepers = this.#keepersOf(grant);
    const { quorum } = this.servers;
    // As long as a quorum keeps it, it is held. And a holder that released it at the first message would race the release by force
    // at the other servers, which then had nothing to release.
    let spare = keepers.length - quorum;
    const hear = (look: () => void) => {
      const forced = (): void => {
        spare -= 1;
        if (spare === -1) listener();
        // Another server may have said the same before it could be heard.
        else look();
      };
      return keepers.map(({ server }) => server.backend.hearForced(grant, { forced, missed: look }));
    };
    return listenForForced(this, grant, listener, { hear, needed: quorum });
  }

  async inspect(name: string): Promise<LockState> {
    this.#assertOpen(name);
    return poll(
      this.#ask(name, this.servers.all, (server) => server.backend.inspect(name)),
      (answers) => mergeStates(name, this.servers, answers),
      (failed) => this.servers.error(failed, name),
    );
  }

  async forceRelease(name: string): Promise<boolean> {
    this.#assertOpen(name);
    const { quorum } = this.servers;
    return poll(
      this.#ask(name, this.servers.all.toReversed(), (server) => server.backend.forceRelease(name)),
      ({ given, failed, open }) => {
        if (open > 0 || given.size < quorum) return undefined;
        const held = [...given.values()].filter((answer) => answer).length;
        return held > 0 && held + failed.size >= quorum;
      },
      (failed) => this.servers.error(failed, name),
    );
  }

  watch(
    name: string,
    onChange: (state: LockState) => void,
    onEnd: (error: unknown) => void,
  ): Promise<Observation> {
    const onStop = (stopped: MovingWatch) => this.#watches.delete(stopped);
    const watch = new MovingWatch(name, this.servers, onChange, onEnd, onStop);
    this.#watches.add(watch);
    return watch.start();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  settled(acquisition: RedlockAcquisition): void {
    this.#acquisitions.delete(acquisition);
    const { lease, ballot } = acquisition;
    if (lease && ballot) this.#ballots.set(lease, ballot);
  }

  serverBack(): void {
    for (const acquisition of this.#acquisitions.toArray()) acquisition.wake();
    for (const watch of this.#watches) watch.look();
  }

  serverLost(server: Server): void {
    for (const acquisition of this.#acquisitions.toArray()) {
      if (acquisition.waitsAt === server) acquisition.move();
    }
    for (const watch of this.#watches) watch.look(server);
  }

  #start(request: LeaseRequest, waits: boolean): void {
    if (this.#closing) {
      request.failed(closedError(request.name));
      return;
    }
    const acquisition = new RedlockAcquisition(request, waits, this);
    this.#acquisitions.add(acquisition);
    acquisition.start();
    if (this.#acquisitions.size > 0) this.#heartbeat.start();
  }

  /** One command to each server where somebody waits; what comes of it shows in the health of its link. */
  #beat(): boolean {
    const asked = new Set<Server>();
    for (const { waitsAt, request } of this.#acquisitions.toArray()) {
      if (!waitsAt?.usable || asked.has(waitsAt)) continue;
      asked.add(waitsAt);
      waitsAt.backend.inspect(request.name).catch(() => {});
    }
    return this.#acquisitions.size > 0;
  }

  /** The servers that may keep something for a lease, the one that granted first at the end. */
  #keepersOf(grant: Grant): readonly Keeper[] {
    const votes = this.#ballots.get(grant)?.votes;
    return votes ?? this.servers.all.map((server) => ({ server, released() {} })).reverse();
  }

  /** Those that can't be asked fail at once. */
  #ask<T>(name: string, servers: readonly Server[], ask: (server: Server) => Promise<T>) {
    return servers.map((server) => {
      const answering = server.usable ? ask(server) : Promise.reject<T>(server.outage(name));
      return [server, answering] as const;
    });
  }

  #assertOpen(name: string): void {
    if (this.#closing) throw closedError(name);
  }

  async #close(): Promise<void> {
    this.#heartbeat.stop();
    for (const acquisition of this.#acquisitions.toArray()) {
      acquisition.fail(new LockClosedError('closed while waiting', acquisition.request.name));
    }
    this.deadlines.close();
    await Promise.all(this.servers.all.map((server) => server.close()));
  }
}

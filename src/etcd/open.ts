import type { Etcd3 } from 'etcd3';
import { copyArray, propertyOf } from '../core/arguments.ts';
import type { Grant, LeaseRequest, LockBackend, LockState, Observation } from '../core/backend.ts';
import { type Clock, pause, systemClock } from '../core/clock.ts';
import { DeadlineQueue } from '../core/deadline-queue.ts';
import { dispossess } from '../core/dispossess.ts';
import { Owners } from '../core/owner.ts';
import { LockArgumentError, type LockBackendError, LockClosedError } from '../errors.ts';
import type { Acquisition, AcquisitionContext } from './acquisition.ts';
import { Chores } from './chores.ts';
import { FollowedLines } from './followed-line.ts';
import { HeldLeases } from './held-leases.ts';
import { type EtcdHosts, MOST_URLS, parseHosts } from './hosts.ts';
import { KeepAlives } from './keep-alives.ts';
import { Keys } from './keys.ts';
import { EtcdLink } from './link.ts';
import { type EtcdClient, Members } from './members.ts';
import { MutexAcquisition } from './mutex-acquisition.ts';
import {
  type EtcdBackendOptions,
  type EtcdIdentity,
  type EtcdSettings,
  etcdIdentity,
  etcdSettings,
} from './options.ts';
import { leave, type Place } from './protocol.ts';
import { ShareAcquisition } from './share-acquisition.ts';
import type { Standing } from './standings.ts';
import { readOccupancy, readState } from './state.ts';
import { StateWatch } from './state-watch.ts';
import { Turnstile } from './turnstile.ts';
import type { WaitingLease } from './waiting-lease.ts';
import { Watches } from './watches.ts';

type Source = string | readonly string[] | Etcd3;

/**
 * See `etcdBackend`. The class is handed in: a static import of the optional package here would ask for it in every bundle
 * that has `backendFromUrl` in it.
 */
export function openEtcd(Client: typeof Etcd3, source: Source, options?: EtcdBackendOptions): LockBackend {
  const settings = etcdSettings(options);
  const identity = etcdIdentity(options);
  if (isEtcd(source)) return new EtcdBackend(Members.of(source), settings, systemClock);
  const urls = typeof source === 'string' ? source : copyArray(source, MOST_URLS);
  if (urls === undefined) {
    throw new LockArgumentError(
      'source',
      source,
      `an Etcd3 instance, a URL or an array of 1 to ${MOST_URLS} URLs`,
    );
  }
  // What is no text among them is refused, too.
  const members = connect(Client, parseHosts(urls as string | string[]), identity);
  return new EtcdBackend(members, settings, systemClock);
}

function connect(Client: typeof Etcd3, hosts: EtcdHosts, identity: EtcdIdentity): Members {
  try {
    return Members.at(Client, hosts, identity);
  } catch (cause) {
    // Only whoever speaks TLS can tell what a certificate is.
    throw new LockArgumentError('credentials', identity.credentials, 'certificates and a key in PEM', {
      cause,
    });
  }
}

class EtcdBackend implements LockBackend, AcquisitionContext {
  readonly kind = 'etcd';
  readonly supports = { capacity: true, fencing: true, fifo: true, counters: false };
  readonly clock: Clock;
  readonly link: EtcdLink;
  readonly keys: Keys;
  readonly watches: Watches;
  readonly lines: FollowedLines;
  readonly keepAlives: KeepAlives;
  readonly deadlines: DeadlineQueue;
  readonly chores: Chores;
  readonly turnstile = new Turnstile();
  readonly #members: Members;
  readonly #owners: Owners;
  readonly #acquisitions = new Set<Acquisition>();
  readonly #held: HeldLeases;
  #closing: Promise<void> | undefined;

  constructor(members: Members, settings: EtcdSettings, clock: Clock) {
    this.#members = members;
    this.clock = clock;
    this.link = new EtcdLink(members, clock, settings.commandTimeoutMs);
    this.keys = new Keys(settings.prefix);
    this.#owners = new Owners(settings.clientName);
    this.watches = new Watches(this.link);
    this.keepAlives = new KeepAlives(this.link);
    this.deadlines = new DeadlineQueue(clock);
    this.chores = new Chores(this.link);
    this.lines = new FollowedLines(this);
    this.#held = new HeldLeases(this);
  }

  acquire(request: LeaseRequest): void {
    const acquisition = this.#start(request);
    if (acquisition) this.chores.add(acquisition.wait());
  }

  tryAcquire(request: LeaseRequest): void {
    const acquisition = this.#start(request);
    if (acquisition) this.chores.add(acquisition.try());
  }

  hold(grant: Grant, lease: WaitingLease, place: Place): void {
    lease.stop();
    this.#held.add(grant, { at: place, leaseId: lease.id, seconds: lease.seconds, madeIn: lease.madeIn });
  }

  settled(acquisition: Acquisition): void {
    this.#acquisitions.delete(acquisition);
  }

  async refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    this.#assertOpen(grant.name);
    return this.#held.refresh(grant, ttlMs);
  }

  async downgrade(grant: Grant, units: number): Promise<boolean> {
    this.#assertOpen(grant.name);
    return this.#held.downgrade(grant, units);
  }

  async release(grant: Grant): Promise<boolean> {
    this.#assertOpen(grant.name);
    return this.#held.release(grant);
  }

  forget(grant: Grant): void {
    this.#held.forget(grant);
  }

  onForced(grant: Grant, listener: () => void): () => void {
    const place = this.#held.placeOf(grant);
    if (!place || this.#closing) return () => {};
    return this.watches.watch({
      key: place.key,
      deletionsOnly: true,
      from: place.createRevision + 1,
      onEvents: () => listener(),
      // What cannot be watched, the next refresh finds out.
      onEnd: () => {},
    });
  }

  async inspect(name: string): Promise<LockState> {
    this.#assertOpen(name);
    return readState(this.link, this.keys, name);
  }

  async forceRelease(name: string): Promise<boolean> {
    this.#assertOpen(name);
    const giveUpAt = this.clock.now() + this.link.commandTimeoutMs;
    return dispossess(name, {
      look: async () => (await readOccupancy(this.link, this.keys.line(name), name)).holders,
      take: (holder) => this.#remove(name, holder),
      isOver: () => this.clock.now() >= giveUpAt,
    });
  }

  watch(
    name: string,
    onChange: (state: LockState) => void,
    onEnd: (failure: LockBackendError) => void,
  ): Promise<Observation> {
    if (this.#closing) return Promise.reject(closedError(name));
    return new StateWatch(this, name, onChange, onEnd).start();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const acquisition of [...this.#acquisitions]) {
      acquisition.fail(new LockClosedError('closed while waiting', acquisition.request.name));
    }
    this.deadlines.close();
    this.#held.stop();
    const patience = pause(this.clock, this.link.commandTimeoutMs);
    await Promise.race([this.chores.done(), patience.done]);
    patience.stop();
    this.link.end();
    this.watches.close();
    this.keepAlives.close();
    this.#members.close();
  }

  async #remove(name: string, { place, lease, ttlMs }: Standing): Promise<boolean> {
    const removed = await this.link.run(leave(place), name);
    // The lease of a stranger may carry other keys than this.
    if (ttlMs !== undefined) this.chores.revoke(lease, 1);
    return removed;
  }

  #start(request: LeaseRequest): Acquisition | undefined {
    if (this.#closing) {
      request.failed(closedError(request.name));
      return undefined;
    }
    const owner = this.#owners.next(request);
    const Kind = request.capacity > 1 ? ShareAcquisition : MutexAcquisition;
    const acquisition = new Kind(owner, request, this);
    this.#acquisitions.add(acquisition);
    return acquisition;
  }

  #assertOpen(name: string): void {
    if (this.#closing) throw closedError(name);
  }
}

function closedError(name: string): LockClosedError {
  return new LockClosedError('the backend is closed', name);
}

/** By shape, since an application may have its own copy of etcd3. */
function isEtcd(source: unknown): source is EtcdClient {
  return ['kv', 'leaseClient', 'watchClient'].every((name) => {
    const service = propertyOf(source, name);
    return typeof service === 'object' && service !== null;
  });
}

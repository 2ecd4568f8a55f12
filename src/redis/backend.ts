import type { Grant, LeaseRequest, LockBackend, LockState, Observation } from '../core/backend.ts';
import { type Clock, pause } from '../core/clock.ts';
import { clientOf, isOwner, Owners } from '../core/owner.ts';
import { LockClosedError } from '../errors.ts';
import { AsideLink } from './aside-link.ts';
import { CommandLink } from './command-link.ts';
import { type Connection, databaseOf, isCluster } from './connection.ts';
import { RedisCounters } from './counters.ts';
import { closedError, connectionEnded } from './errors.ts';
import { warnOfEviction } from './eviction.ts';
import { forceRelease } from './force-release.ts';
import { type Hearing, listenForForced } from './forced.ts';
import { guardDatabase } from './guard-database.ts';
import { Inbox } from './inbox.ts';
import type { InboxMessage } from './inbox-message.ts';
import { type Inboxes, InboxPerName, OneInbox } from './inboxes.ts';
import { Keys } from './keys.ts';
import { warnOfLateSelect } from './late-select.ts';
import { type ForcedListener, Leases } from './leases.ts';
import { RedisListing } from './listing.ts';
import type { RedisSettings } from './options.ts';
import { outcomeIn } from './outcome.ts';
import { Protocol, scriptConstants } from './protocol.ts';
import { Releaser } from './releaser.ts';
import { ReplicatedRequest } from './replicated-request.ts';
import { Replication } from './replication.ts';
import { readState } from './state-watch.ts';
import { StateWatches } from './state-watches.ts';
import { Subscriber } from './subscriber.ts';
import { WaitingLine } from './waiting-line.ts';

/** Locks and counters on one Redis server, or on whatever ioredis connects to as one (Sentinel, Cluster). */
export class RedisBackend implements LockBackend {
  readonly kind = 'redis';
  readonly supports = { capacity: true, fencing: true, fifo: true, counters: true };
  readonly clock: Clock;
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly counters: RedisCounters;
  readonly listing: RedisListing;
  readonly #redis: Connection;
  readonly #owned: boolean;
  readonly #client: string;
  readonly #settings: RedisSettings;
  readonly #keys: Keys;
  readonly #subscriber: Subscriber;
  readonly #inboxes: Inboxes;
  readonly #aside: AsideLink;
  readonly #releaser: Releaser;
  readonly #line: WaitingLine;
  readonly #leases: Leases;
  readonly #watches: StateWatches;
  readonly #replication: Replication | undefined;
  readonly #stopWarnings: readonly (() => void)[];
  #closing: Promise<void> | undefined;

  /** `owned`: the command connection is ours to end. */
  constructor(
    redis: Connection,
    settings: RedisSettings,
    clock: Clock,
    owned: boolean,
    owners = new Owners(settings.clientName),
  ) {
    this.#redis = redis;
    this.#owned = owned;
    this.#client = owners.client;
    this.#settings = settings;
    this.clock = clock;
    const database = databaseOf(redis);
    this.#keys = new Keys(redis.options.keyPrefix ?? '', settings.prefix, database);
    this.protocol = new Protocol(this.#keys, scriptConstants(this.#keys, settings, isCluster(redis)));
    this.#leases = new Leases(clock);
    this.link = new CommandLink(redis, clock, settings.commandTimeoutMs, settings.spin);
    this.#subscriber = new Subscriber(redis, clock);
    this.#inboxes = this.#inboxesOf(owners.client);
    this.#aside = new AsideLink(this.#subscriber, clock, {
      ...{ protocol: this.protocol, inbox: this.#keys.inboxes + owners.client },
      ...{ keyPrefix: redis.options.keyPrefix ?? '', patienceMs: settings.commandTimeoutMs },
    });
    const { replicas, commandTimeoutMs, safetyNetMs } = settings;
    const common = { link: this.link, protocol: this.protocol, clock, safetyNetMs, leases: this.#leases };
    this.#releaser = new Releaser({ ...common, aside: this.#aside });
    this.#line = new WaitingLine({ ...common, owners, inboxes: this.#inboxes });
    this.counters = new RedisCounters({
      ...common,
      subscriber: this.#subscriber,
      keys: this.#keys,
      client: owners.client,
    });
    this.#watches = new StateWatches({ ...common, subscriber: this.#subscriber }, this.#keys);
    this.listing = new RedisListing({ link: this.link, protocol: this.protocol, clock, keys: this.#keys });
    // On a cluster there is no WAIT for a key, and so no such option.
    if (replicas && !isCluster(redis)) {
      this.#replication = new Replication(redis, this.protocol, clock, { replicas, commandTimeoutMs });
    }
    const lateSelect = isCluster(redis) ? [] : [warnOfLateSelect(redis, database)];
    this.#stopWarnings = [warnOfEviction(redis), ...lateSelect];
    redis.on('end', this.#onEnd);
    if (owned) guardDatabase(redis, this.link);
  }

  acquire(request: LeaseRequest): void {
    if (this.#closing) request.failed(closedError(request.name));
    else this.#line.acquire(this.#replicated(request));
  }

  tryAcquire(request: LeaseRequest): void {
    if (this.#closing) request.failed(closedError(request.name));
    else this.#line.tryAcquire(this.#replicated(request));
  }

  async refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    const { name, owner, deadline } = grant;
    this.#assertOpen(name);
    const { reply } = await this.link.run(this.protocol.refresh(name, owner, ttlMs), deadline);
    return outcomeIn(reply, 1, name) === 1;
  }

  async downgrade(grant: Grant, units: number): Promise<boolean> {
    this.#assertOpen(grant.name);
    return this.#releaser.downgrade(grant, units);
  }

  /** `retrying` is called if the first sending fails. */
  release(grant: Grant, retrying?: () => void): Promise<boolean> {
    if (this.#closing) return Promise.reject(closedError(grant.name));
    return this.#releaser.release(grant, retrying);
  }

  /** Makes the server forget an owner id, until it has answered or the TTL has passed. */
  giveBack(name: string, owner: string): void {
    if (this.#closing) return;
    this.#line.chase(name, owner);
    this.#leases.delete({ owner });
  }

  onForced(grant: Grant, listener: (reason?: 'taken') => void): () => void {
    const hear = (missed: () => void) => [this.hearForced(grant, { forced: listener, missed })];
    return listenForForced(this, grant, listener, { hear, needed: 1 });
  }

  /** Listens to what the server tells of a lease, without asking what it may have told before. */
  hearForced(grant: Grant, listener: ForcedListener): Hearing {
    const { name } = grant;
    const opening = this.#inboxes.opened(name) ? undefined : this.#inboxes.open(name);
    this.#inboxes.enter(name);
    const unlisten = this.#leases.onForced(grant, listener);
    const stop = () => {
      unlisten();
      this.#inboxes.leave(name);
    };
    return { opening, stop };
  }

  async inspect(name: string): Promise<LockState> {
    this.#assertOpen(name);
    const { state } = await readState({ link: this.link, protocol: this.protocol }, name, '');
    return state;
  }

  async forceRelease(name: string): Promise<boolean> {
    this.#assertOpen(name);
    return forceRelease(this.link, this.protocol, name);
  }

  watch(
    name: string,
    onChange: (state: LockState) => void,
    onEnd: (error: unknown) => void,
  ): Promise<Observation> {
    return this.#watches.start(name, onChange, onEnd);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#line.failAll((name) => new LockClosedError('closed while waiting', name));
    this.counters.close();
    const patience = pause(this.clock, this.#settings.commandTimeoutMs);
    const drained = this.#line.chased().then(() => this.#aside.drained().then(() => this.link.drained()));
    await Promise.race([drained, patience.done]);
    patience.stop();
    this.#redis.off('end', this.#onEnd);
    for (const stop of this.#stopWarnings) stop();
    this.#replication?.close();
    this.#line.close();
    this.#inboxes.close();
    this.#aside.close();
    this.#subscriber.close();
    this.link.close();
    if (this.#owned) this.#redis.disconnect();
  }

  #inboxesOf(client: string): Inboxes {
    const inbox = (channel: string, name?: string) =>
      new Inbox(this.#subscriber, channel + client, {
        received: (message) => this.#receive(message),
        restored: () => {
          this.#line.askAll(name);
          this.#leases.missed(name);
        },
      });
    if (!isCluster(this.#redis)) return new OneInbox(inbox(this.#keys.inboxes));
    return new InboxPerName(this.clock, (name) => inbox(this.#keys.inboxesOf(name), name));
  }

  #replicated(request: LeaseRequest): LeaseRequest {
    const replication = this.#replication;
    if (!replication) return request;
    return new ReplicatedRequest(request, {
      confirm: (grant) => replication.confirm(grant),
      giveBack: ({ name, owner }) => this.giveBack(name, owner),
    });
  }

  #assertOpen(name: string): void {
    if (this.#closing) throw closedError(name);
  }

  /** The user has ended the connection: nothing will come, so nobody must wait for it. */
  readonly #onEnd = (): void => {
    // Whoever listened before may have opened it again.
    if (this.#redis.status !== 'end') return;
    const error = (name: string) => this.link.outage(name) ?? connectionEnded(name);
    this.#line.failAll(error);
    this.counters.failWaits(error);
    this.#watches.failAll(error);
  };

  #receive(message: InboxMessage): void {
    if (message.kind === 'forced') {
      this.#leases.forced(message.owner);
      return;
    }
    const acquisition = this.#line.find(message.owner);
    if (acquisition) {
      acquisition.receive(message);
      return;
    }
    // A reply may have told it first. Otherwise nobody waits for it any more: pass the lock on at once.
    const ours = isOwner(message.owner) && clientOf(message.owner) === this.#client;
    const name = ours ? this.#keys.nameOf(message.key) : undefined;
    if (name !== undefined && !this.#leases.has(message.owner)) this.#line.chase(name, message.owner);
  }
}

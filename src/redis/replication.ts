import type { Redis } from 'ioredis';
import type { Grant } from '../core/backend.ts';
import { type Clock, pause } from '../core/clock.ts';
import { leaseDeadline } from '../core/deadline.ts';
import { LockBackendError, ReplicationError } from '../errors.ts';
import { CommandLink } from './command-link.ts';
import { databaseOf } from './connection.ts';
import { noAnswer, toBackendError, unexpectedReply } from './errors.ts';
import type { ReplicaSettings } from './options.ts';
import { integerIn, outcomeIn } from './outcome.ts';
import { OWN_CONNECTION } from './own-connection.ts';
import type { Protocol } from './protocol.ts';

interface Pending {
  readonly grant: Grant;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Has replicas confirm grants. WAIT holds up its connection and knows only what that connection has written, so this is a
 * connection of its own, on which the lease is written once more, by a refresh. All that come while one WAIT is under way
 * share the next.
 */
export class Replication {
  readonly #source: Redis;
  readonly #protocol: Protocol;
  readonly #clock: Clock;
  readonly #settings: ReplicaSettings;
  readonly #patienceMs: number;
  #connection: Redis | undefined;
  #link: CommandLink | undefined;
  #pending: Pending[] = [];
  #running = false;

  constructor(
    source: Redis,
    protocol: Protocol,
    clock: Clock,
    settings: { readonly replicas: ReplicaSettings; readonly commandTimeoutMs: number },
  ) {
    this.#source = source;
    this.#protocol = protocol;
    this.#clock = clock;
    this.#settings = settings.replicas;
    this.#patienceMs = settings.commandTimeoutMs;
    source.on('end', this.#followEnd);
    source.on('select', this.#followSelect);
  }

  /** Resolves when enough replicas have the grant, whose deadline has then moved. Rejects with a `LockBackendError`. */
  confirm(grant: Grant): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ grant, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  close(): void {
    this.#source.off('end', this.#followEnd);
    this.#source.off('select', this.#followSelect);
    this.#link?.close();
    this.#connection?.off('end', this.#comeBack);
    this.#connection?.disconnect();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      await this.#confirmAll(batch);
    }
    this.#running = false;
  }

  async #confirmAll(batch: readonly Pending[]): Promise<void> {
    const link = this.#open();
    const { cuts } = link;
    const written = await Promise.allSettled(batch.map(({ grant }) => this.#write(link, grant)));
    const answer = await this.#wait().catch((error: unknown) => toBackendError(error));
    const confirmed = integerIn(answer);
    for (const [index, { grant, resolve, reject }] of batch.entries()) {
      const write = written[index];
      const { count, timeoutMs } = this.#settings;
      if (write?.status === 'rejected') reject(write.reason);
      else if (answer instanceof LockBackendError) reject(answer);
      // A new connection has written nothing, and so waits for nothing.
      else if (link.cuts !== cuts) reject(noAnswer(new Error('the connection was cut'), grant.name));
      else if (confirmed === undefined) reject(unexpectedReply(answer, grant.name));
      else if (confirmed < count) reject(new ReplicationError(grant.name, confirmed, count, timeoutMs));
      else resolve();
    }
  }

  async #write(link: CommandLink, grant: Grant): Promise<void> {
    const call = this.#protocol.refresh(grant.name, grant.owner, grant.ttlMs);
    const { reply, sentAt } = await link.run(call, grant.deadline);
    if (outcomeIn(reply, 1, grant.name) !== 1)
      throw noAnswer(new Error('the lease ended before replicas could confirm it'), grant.name);
    grant.deadline = leaseDeadline(sentAt, grant.ttlMs);
  }

  /** How many replicas have all that this connection has written. */
  async #wait(): Promise<unknown> {
    const { count, timeoutMs } = this.#settings;
    const patience = pause(this.#clock, timeoutMs + this.#patienceMs);
    const late = patience.done.then(() => {
      throw noAnswer(undefined);
    });
    try {
      return await Promise.race([this.#connection?.wait(count, timeoutMs), late]);
    } finally {
      // Nobody hears what it throws now.
      late.catch(() => {});
      patience.stop();
    }
  }

  #open(): CommandLink {
    this.#comeBack();
    if (this.#link) return this.#link;
    this.#connection = this.#source.duplicate({
      ...OWN_CONNECTION,
      // The first grant is there before the connection, and what is waited for here takes its own time.
      enableOfflineQueue: true,
      commandTimeout: undefined,
      socketTimeout: undefined,
      db: databaseOf(this.#source),
    });
    // Before any other listener: to those it has not ended.
    this.#connection.on('end', this.#comeBack);
    // Failures reach whoever waits for an answer.
    this.#connection.on('error', () => {});
    this.#link = new CommandLink(this.#connection, this.#clock, this.#patienceMs);
    this.#followEnd();
    return this.#link;
  }

  /** By Sentinels ioredis may end a connection for good, see `SentinelRedis`; and the user may open again one that was ended. */
  readonly #comeBack = (): void => {
    if (this.#connection?.status !== 'end' || this.#source.status === 'end') return;
    this.#connection.connect().catch(() => {});
  };

  /** When the user ends the connection we were made from, ours must not keep the process alive. */
  readonly #followEnd = (): void => {
    if (this.#source.status === 'end') this.#connection?.disconnect();
  };

  readonly #followSelect = (database: number): void => {
    // If that fails, the lease is not found where it is looked for, and so not confirmed.
    this.#connection?.select(database).catch(() => {});
  };
}

import type { Cluster, Redis } from 'ioredis';
import { type Connection, isCluster, nodeAt, slotOf } from './connection.ts';
import { OWN_CONNECTION } from './own-connection.ts';

/** What becomes of the connections on which a subscriber listens. */
export interface LineEvents {
  /** Some connection is ready, or more is known of where channels are: whatever is not subscribed can be now. */
  ready(): void;
  /** The subscriptions on this connection are gone, or some of them. */
  lost(line: Redis): void;
  /** A connection could not be made. */
  failed(error: unknown): void;
  /** The user has ended the connection that these are made from: none of them comes back by itself. */
  ended(): void;
  message(channel: string, text: string): void;
}

/** The connections on which a subscriber listens: made from the user's when first needed, and ours to end. */
export interface Lines {
  /** Whether channels move from one connection to another. */
  readonly moves: boolean;
  /** Whether the user has ended the connection that these are made from. */
  readonly ended: boolean;
  /** Where a channel is to be subscribed; undefined as long as nobody knows. */
  lineFor(channel: string): Redis | undefined;
  /** The connection that all channels are on, if there is such a one. */
  readonly only: Redis | undefined;
  /** Asks the cluster where channels are now; `ready` follows. */
  relearn(): void;
  /** Ends those on which nobody listens any more. */
  keep(inUse: ReadonlySet<Redis>): void;
  close(): void;
}

export function linesOf(source: Connection, events: LineEvents): Lines {
  return isCluster(source) ? new ClusterLines(source, events) : new SingleLine(source, events);
}

/** The one connection to one server. */
class SingleLine implements Lines {
  readonly moves = false;
  readonly #source: Redis;
  readonly #events: LineEvents;
  #line: Redis | undefined;

  constructor(source: Redis, events: LineEvents) {
    this.#source = source;
    this.#events = events;
    source.on('end', this.#followEnd);
    source.on('ready', this.#followReady);
  }

  get only(): Redis | undefined {
    return this.#line;
  }

  get ended(): boolean {
    return this.#source.status === 'end';
  }

  lineFor(): Redis | undefined {
    const gone = !this.#line || this.#line.status === 'end';
    if (gone && !this.ended) this.#line = openLine(this.#source, this.#events);
    return this.#line;
  }

  relearn(): void {}

  keep(): void {}

  close(): void {
    this.#source.off('end', this.#followEnd);
    this.#source.off('ready', this.#followReady);
    this.#line?.disconnect();
  }

  /** When the user ends the connection we were made from, ours must not keep the process alive. */
  readonly #followEnd = (): void => {
    if (!this.ended) return;
    this.#line?.disconnect();
    this.#events.ended();
  };

  readonly #followReady = (): void => this.#events.ready();
}

/** One connection to each node that has a channel of ours: sharded messages stay on the node of their slot. */
class ClusterLines implements Lines {
  readonly moves = true;
  readonly only = undefined;
  readonly #cluster: Cluster;
  readonly #events: LineEvents;
  /** By `host:port`. */
  readonly #lines = new Map<string, Redis>();

  constructor(cluster: Cluster, events: LineEvents) {
    this.#cluster = cluster;
    this.#events = events;
    cluster.on('refresh', this.#learned);
    cluster.on('end', this.#followEnd);
  }

  get ended(): boolean {
    return this.#cluster.status === 'end';
  }

  lineFor(channel: string): Redis | undefined {
    const address = this.#cluster.slots[slotOf(channel)]?.[0];
    if (address === undefined) return undefined;
    const known = this.#lines.get(address);
    if (known && known.status !== 'end') return known;
    const node = nodeAt(this.#cluster, address);
    if (!node || this.ended) return undefined;
    const line = openLine(node, this.#events);
    this.#lines.set(address, line);
    return line;
  }

  relearn(): void {
    if (this.#cluster.status === 'ready') this.#cluster.refreshSlotsCache();
  }

  keep(inUse: ReadonlySet<Redis>): void {
    for (const [address, line] of this.#lines) {
      if (inUse.has(line)) continue;
      this.#lines.delete(address);
      line.disconnect();
    }
  }

  close(): void {
    this.#cluster.off('refresh', this.#learned);
    this.#cluster.off('end', this.#followEnd);
    this.keep(new Set());
  }

  readonly #followEnd = (): void => {
    if (!this.ended) return;
    this.keep(new Set());
    this.#events.ended();
  };

  readonly #learned = (): void => this.#events.ready();
}

function openLine(source: Redis, events: LineEvents): Redis {
  const line = source.duplicate({
    ...OWN_CONNECTION,
    keyPrefix: '',
    readOnly: false,
    autoResubscribe: false,
    enableOfflineQueue: false,
  });
  line.on('ready', () => events.ready());
  line.on('close', () => events.lost(line));
  // By Sentinels ioredis ends a connection for good that is told to leave a replaced master while it is on its way to another.
  line.on('end', () => {
    if (source.status !== 'end') events.lost(line);
  });
  // The node has told us, unasked, that a slot is not its own any more. To ioredis 5 that is an error.
  line.on('moved', () => events.lost(line));
  line.on('error', (error: unknown) => (line.status === 'ready' ? events.lost(line) : events.failed(error)));
  line.on('smessage', (channel: string, text: string) => events.message(channel, text));
  return line;
}

import { type Cluster, Command, type Redis } from 'ioredis';

/** A connection that does not answer must not keep a process for long that has ended it. */
export const DISCONNECT_TIMEOUT_MS = 100;

/** What commands are sent over: one connection, or those to all nodes of a cluster. */
export type Connection = Redis | Cluster;

export function isCluster(connection: Connection): connection is Cluster {
  return 'isCluster' in connection && connection.isCluster === true;
}

/** The slot of a cluster that a key or a sharded channel belongs to. */
export function slotOf(key: string): number {
  return new Command('get', [key]).getSlot();
}

/** What tells a server from others, without credentials: `host:port`, a socket's path, or what Sentinels call its master. */
export function serverOf({ options }: Redis): string {
  const { sentinels, name, path, host, port } = options;
  return sentinels && name ? `Sentinel ${name}` : (path ?? `${host}:${port}`);
}

/** The database that a connection is in: that of its options, unless another was chosen since. */
export function databaseOf(connection: Connection): number {
  if (isCluster(connection)) return 0;
  const { condition, options } = connection;
  return condition?.select ?? options.db ?? 0;
}

/** The connection to one node of a cluster, by its `host:port`. */
export function nodeAt(cluster: Cluster, address: string): Redis | undefined {
  return cluster.nodes('all').find(({ options }) => `${options.host}:${options.port}` === address);
}

/**
 * Calls `listener` whenever a link to a server is cut: what was sent before may then be sent again. A cluster sends
 * again on the link to another node, whatever its options say. Returns how to stop.
 */
export function onCut(connection: Connection, listener: () => void): () => void {
  if (!isCluster(connection)) {
    connection.on('close', listener);
    return () => connection.off('close', listener);
  }
  const watch = (node: Redis): void => void node.on('close', listener);
  connection.on('+node', watch);
  connection.nodes('all').forEach(watch);
  return () => {
    connection.off('+node', watch);
    for (const node of connection.nodes('all')) node.off('close', listener);
  };
}

/**
 * Keeps the error a connection last failed with. ioredis keeps it, too, but tells only `error` listeners: adding one to
 * the user's instance would silence the warning that it prints when there is none.
 */
export class LastError {
  readonly #connection: Connection;
  #ofNode: Error | undefined;
  /** ioredis never forgets an error; this one does not count any more. */
  #mended: Error | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    if (isCluster(connection)) connection.on('node error', this.#keep);
    if (connection.status === 'ready') this.forget();
  }

  /** None while the connection is ready, nor one of before it was. */
  get(): Error | undefined {
    const latest = this.#latest;
    return this.#connection.status === 'ready' || latest === this.#mended ? undefined : latest;
  }

  /** The connection is ready, and so whatever was wrong is mended. */
  forget(): void {
    this.#mended = this.#latest;
  }

  stop(): void {
    if (isCluster(this.#connection)) this.#connection.off('node error', this.#keep);
  }

  get #latest(): Error | undefined {
    if (isCluster(this.#connection)) return this.#ofNode;
    const { connector } = this.#connection as unknown as { connector?: { firstError?: unknown } };
    return connector?.firstError instanceof Error ? connector.firstError : undefined;
  }

  readonly #keep = (error: Error): void => {
    // A cluster that is ready can do without that node.
    if (this.#connection.status !== 'ready') this.#ofNode = error;
  };
}

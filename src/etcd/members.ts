import type { Etcd3 } from 'etcd3';
import type { EtcdHosts } from './hosts.ts';
import type { EtcdIdentity } from './options.ts';

/** The parts of an `Etcd3` instance that we use: the raw services. */
export type EtcdClient = Pick<Etcd3, 'kv' | 'leaseClient' | 'watchClient'>;

type Options = NonNullable<ConstructorParameters<typeof Etcd3>[0]>;
type Policy = NonNullable<NonNullable<Options['faultHandling']>['global']>;
type CallOptions = Exclude<Options['defaultCallOptions'], ((...context: never[]) => unknown) | undefined>;
type Interceptor = NonNullable<CallOptions['interceptors']>[number];
type InterceptorArguments = Parameters<Interceptor>;

/** etcd ends connections that ping more often than every 5 s. */
const PING_EVERY_MS = 6_000;
const PING_TIMEOUT_MS = 3_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_LONGEST_MS = 1_000;

/**
 * Once and no more: by default etcd3 resends by itself, so that nobody knows whether an answer is to the first sending,
 * and refuses for 5 s to ask a member that has failed three times.
 */
const ONCE: Policy = {
  _altReturn: undefined as never,
  onSuccess: () => ({ dispose: () => {} }),
  onFailure: () => ({ dispose: () => {} }),
  execute: async (call, signal = new AbortController().signal) => call({ signal }),
};

/**
 * Only a member that has a leader may watch, and only for as long as it has one: else one that is cut off from the others
 * keeps the stream, answers on it, and tells nothing. etcd wants to be asked for that in the headers, to which etcd3 gives no
 * other access.
 */
const requireLeader = (options: InterceptorArguments[0], nextCall: InterceptorArguments[1]) => {
  const call = nextCall(options);
  const start = call.start.bind(call);
  call.start = (metadata, listener) => {
    // A copy, since etcd3 uses one for all calls.
    const headers = metadata.clone();
    headers.set('hasleader', 'true');
    start(headers, listener);
  };
  return call;
};

/** Any call will do, though the type asks for one of a class of gRPC. */
const WITH_LEADER = { interceptors: [requireLeader as Interceptor] };

/**
 * The members of an etcd cluster, one of which is asked until it fails. With one client for each member we know whom
 * we ask, and when the commands go to another, so do the renewals.
 */
export class Members {
  readonly #clients: readonly EtcdClient[];
  readonly #close: () => void;
  #current: number;

  private constructor(clients: readonly EtcdClient[], close: () => void) {
    this.#clients = clients;
    this.#close = close;
    this.#current = Math.floor(Math.random() * clients.length);
  }

  /** On the user's client, which does its own failover. */
  static of(client: EtcdClient): Members {
    return new Members([client], () => {});
  }

  /** On clients of our own. */
  static at(Client: typeof Etcd3, { hosts, auth }: EtcdHosts, identity: EtcdIdentity): Members {
    const clients = hosts.map((host) => connect(Client, host, { ...(auth && { auth }), ...identity }));
    return new Members(clients, () => {
      for (const client of clients) client.close();
    });
  }

  get count(): number {
    return this.#clients.length;
  }

  get current(): EtcdClient {
    return this.#clients[this.#current] as EtcdClient;
  }

  /** Asks the next one from now on, unless that has been decided already. */
  failed(client: EtcdClient): void {
    if (client === this.current) this.#current = (this.#current + 1) % this.#clients.length;
  }

  /** Ends the connections, if they are ours. */
  close(): void {
    this.#close();
  }
}

function connect(Client: typeof Etcd3, host: string, identity: EtcdIdentity): Etcd3 {
  return new Client({
    hosts: host,
    ...identity,
    defaultCallOptions: ({ service }) => (service === 'Watch' ? WITH_LEADER : {}),
    faultHandling: { host: () => ONCE, global: ONCE },
    grpcOptions: {
      'grpc.keepalive_time_ms': PING_EVERY_MS,
      'grpc.keepalive_timeout_ms': PING_TIMEOUT_MS,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_FIRST_MS,
      'grpc.min_reconnect_backoff_ms': RECONNECT_FIRST_MS,
      'grpc.max_reconnect_backoff_ms': RECONNECT_LONGEST_MS,
    },
  });
}

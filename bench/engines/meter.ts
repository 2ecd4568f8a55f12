import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';

/** What one server has done so far, or has at the moment. */
export interface Reading {
  /** CPU time of all threads, in µs. */
  readonly cpuUs: number;
  /** To and from clients, and to other servers. */
  readonly bytes: number;
  /** Requests of clients; what scripts call by themselves does not count. */
  readonly requests: number;
  /** Requests, replies, and what clients are told of unasked. */
  readonly messages: number;
  readonly memoryBytes: number;
  readonly connections: number;
}

/** Reads one server from outside, in its own words. */
export interface Meter {
  read(): Promise<Reading>;
  close(): void;
}

/** From INFO. */
export class RedisMeter implements Meter {
  readonly #redis: Redis;

  constructor({ host, port }: { host: string; port: number }) {
    this.#redis = new Redis(port, host);
  }

  async read(): Promise<Reading> {
    const text = await this.#redis.info('everything');
    const number = (field: string) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(text)?.[1] ?? 0);
    const calls = (command: string) =>
      Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    const requests = calls('evalsha') + calls('eval');
    return {
      cpuUs: (number('used_cpu_user') + number('used_cpu_sys')) * 1e6,
      bytes: number('total_net_input_bytes') + number('total_net_output_bytes'),
      requests,
      messages: 2 * requests + calls('spublish'),
      memoryBytes: number('used_memory') - number('mem_clients_normal'),
      connections: number('connected_clients') - 1,
    };
  }

  close(): void {
    this.#redis.disconnect();
  }
}

/** From its page for Prometheus. */
export class EtcdMeter implements Meter {
  readonly #page: string;

  constructor(url: string) {
    this.#page = `${url}/metrics`;
  }

  async read(): Promise<Reading> {
    const text = await (await fetch(this.#page)).text();
    const sum = (name: string) => {
      const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+-]+)$`, 'gm'));
      return [...lines].reduce((total, [, value]) => total + Number(value), 0);
    };
    const received = sum('grpc_server_msg_received_total');
    return {
      cpuUs: sum('process_cpu_seconds_total') * 1e6,
      bytes:
        sum('etcd_network_client_grpc_received_bytes_total') +
        sum('etcd_network_client_grpc_sent_bytes_total') +
        sum('etcd_network_peer_sent_bytes_total'),
      requests: received,
      messages: received + sum('grpc_server_msg_sent_total'),
      // The process grows and shrinks as its garbage collector sees fit; the store tells what is kept.
      memoryBytes: sum('etcd_mvcc_db_total_size_in_use_in_bytes'),
      connections: await connectionsTo(Number(new URL(this.#page).port)),
    };
  }

  close(): void {}
}

/** How many TCP connections a server on this machine has, from Linux's own table. */
async function connectionsTo(port: number): Promise<number> {
  const table = await readFile('/proc/net/tcp', 'utf8');
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const ESTABLISHED = ' 01 ';
  return table.split('\n').filter((line) => line.slice(0, 20).includes(local) && line.includes(ESTABLISHED))
    .length;
}

/** The readings of several servers as one. */
export async function readAll(meters: readonly Meter[]): Promise<Reading> {
  const readings = await Promise.all(meters.map((meter) => meter.read()));
  const total = (field: keyof Reading) => readings.reduce((sum, reading) => sum + reading[field], 0);
  return {
    cpuUs: total('cpuUs'),
    bytes: total('bytes'),
    requests: total('requests'),
    messages: total('messages'),
    memoryBytes: total('memoryBytes'),
    connections: total('connections'),
  };
}

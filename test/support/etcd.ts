import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findEtcd } from './apt-etcd.ts';
import { atExit } from './at-exit.ts';
import { CtlLock } from './etcdctl-lock.ts';
import { freePort } from './free-port.ts';
import type { Instance } from './launch.ts';
import { type FaultProxy, startProxy } from './proxy.ts';
import { launchBinary } from './redis-binary.ts';
import { currentRun } from './run.ts';
import { until } from './wait.ts';

const run = promisify(execFile);
const ENV = { ...process.env, ETCDCTL_API: '3' };
const START_ATTEMPTS = 3;
const CTL_TIMEOUT_MS = 10_000;
const host = '127.0.0.1';

export interface EtcdOptions {
  members?: 1 | 3;
  /** Clients speak TLS; what they need to trust is `certificate()` of the member. */
  tls?: boolean;
  /** Members reach each other through proxies, so that one can be isolated. */
  isolable?: boolean;
}

/** Starts an etcd cluster of the `etcd` on the PATH and waits until it serves. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const { members = 1, tls = false, isolable = false } = options;
  await findEtcd();
  const { dir } = await currentRun();
  for (let attempt = 1; ; attempt++) {
    const ports = await freePorts(members);
    const proxies = isolable
      ? await Promise.all(ports.map(({ peer: port }) => startProxy({ host, port })))
      : [];
    const cluster = new EtcdCluster(dir, ports, tls, proxies);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      // Somebody else may have taken a port between our look and the start.
      if (attempt === START_ATTEMPTS || !/address already in use/.test(String(error))) throw error;
    }
  }
}

interface Ports {
  readonly client: number;
  readonly peer: number;
}

/** What a member is told of its cluster. */
interface Seat {
  readonly name: string;
  /** Where the others reach it. */
  readonly address: string;
  readonly peers: string;
  readonly data: string;
}

/** A real cluster of one test file. */
export class EtcdCluster implements AsyncDisposable {
  readonly members: readonly EtcdMember[];
  readonly urls: string[];
  /** One URL with all members. */
  readonly url: string;
  readonly #dir: string;
  readonly #proxies: readonly FaultProxy[];
  readonly #forget: () => void;

  /** For `startEtcd`. */
  constructor(runDir: string, ports: readonly Ports[], tls: boolean, proxies: readonly FaultProxy[]) {
    const scheme = tls ? 'https' : 'http';
    this.#dir = join(runDir, `etcd-data-${randomUUID()}`);
    mkdirSync(this.#dir);
    this.#forget = atExit(() => rmSync(this.#dir, { recursive: true, force: true }));
    this.#proxies = proxies;
    const addresses = ports.map(({ peer }, index) => `http://${host}:${proxies[index]?.port ?? peer}`);
    const peers = addresses.map((address, index) => `m${index}=${address}`).join();
    this.members = ports.map((port, index) => {
      const data = join(this.#dir, `m${index}`);
      const address = addresses[index] ?? '';
      return new EtcdMember(runDir, scheme, port, { name: `m${index}`, address, peers, data });
    });
    this.urls = this.members.map(({ url }) => url);
    this.url = `${tls ? scheme : 'etcd'}://${ports.map(({ client }) => `${hostOf(scheme)}:${client}`).join()}`;
  }

  async start(): Promise<void> {
    // Together, as a member is ready only when a majority is there; and to the end, lest one is left behind.
    const starts = await Promise.allSettled(this.members.map((member) => member.start()));
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    await until(() => this.serves(), { what: 'the etcd cluster to serve' });
  }

  /** Whether a majority answers. */
  async serves(): Promise<boolean> {
    return this.ctl('get', 'none').then(
      () => true,
      () => false,
    );
  }

  /** What `etcdctl` prints. */
  async ctl(...args: string[]): Promise<string> {
    const endpoints = `--endpoints=${this.urls.join()}`;
    // It trusts whomever it finds, as it would otherwise have to be told of a certificate.
    if (this.url.startsWith('https')) args.push('--insecure-transport=false', '--insecure-skip-tls-verify');
    return (await run('etcdctl', [endpoints, ...args], { env: ENV, timeout: CTL_TIMEOUT_MS })).stdout;
  }

  /** The version of its first member. */
  async version(): Promise<string> {
    const [member] = this.members;
    const text = (await member?.ctl('endpoint', 'status', '-w', 'json')) ?? '';
    const version = /"version":"([^"]+)"/.exec(text)?.[1];
    if (version === undefined) throw new Error(`no version: ${text}`);
    return version;
  }

  /** Runs `etcdctl lock`, which holds the lock until it is told to end. */
  lock(name: string): CtlLock {
    const args = [`--endpoints=${this.urls.join()}`, 'lock', '--ttl=20', name];
    return new CtlLock(spawn('etcdctl', args, { env: ENV, stdio: ['ignore', 'pipe', 'ignore'] }));
  }

  /** All keys, in the order of their making. */
  async keys(): Promise<string[]> {
    const text = await this.ctl('get', '', '--prefix', '--keys-only', '--sort-by=CREATE');
    return text.split('\n').filter((line) => line !== '');
  }

  /** The ids of all leases, in hex. */
  async leases(): Promise<string[]> {
    return (await this.ctl('lease', 'list')).split('\n').filter((line) => /^[0-9a-f]+$/.test(line));
  }

  /** The member that leads, as the members that answer see it. */
  async leader(): Promise<EtcdMember> {
    return until(() => this.#findLeader(), { what: 'a leader' });
  }

  /**
   * Cuts a member off from the others, for good, while clients still reach it. The others keep the streams that they have;
   * what takes another connection between them (to hand a renewal on to the leader) fails.
   */
  async isolate(member: EtcdMember): Promise<void> {
    const others = this.members.filter((other) => other !== member);
    const proxyOf = (of: EtcdMember) => this.#proxies[this.members.indexOf(of)] as FaultProxy;
    await member.pause();
    const before = await Promise.all(others.map((other) => other.streams()));
    for (const proxy of this.#proxies) proxy.cut();
    proxyOf(member).refuse();
    // The others find each other while it cannot, two streams each way, and stay connected.
    const streams = async () => Promise.all(others.map((other) => other.streams()));
    const isBack = (count: number, index: number) => count >= (before[index] ?? 0) + 4;
    await until(async () => (await streams()).every(isBack), { what: 'their streams' });
    for (const other of others) proxyOf(other).refuse();
    await member.resume();
  }

  /** Ends all members and removes their files; once is enough. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
    rmSync(this.#dir, { recursive: true, force: true });
    this.#forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #findLeader(): Promise<EtcdMember | undefined> {
    for (const member of this.members) {
      const text = await member.ctl('endpoint', 'status', '-w', 'json').catch(() => '[]');
      const ids = /"member_id":(\d+).*"leader":(\d+)/.exec(text);
      if (ids && ids[1] === ids[2]) return member;
    }
    return undefined;
  }
}

/** By a name where it has a certificate: with an IP address, Node 26 and gRPC do not get along over TLS. */
function hostOf(scheme: string): string {
  return scheme === 'https' ? 'localhost' : '127.0.0.1';
}

/** One member of a cluster. */
export class EtcdMember {
  readonly url: string;
  readonly host = host;
  readonly port: number;
  readonly #runDir: string;
  readonly #data: string;
  readonly #args: readonly string[];
  #instance: Instance | undefined;

  constructor(runDir: string, scheme: string, { client, peer }: Ports, { name, address, peers, data }: Seat) {
    this.url = `${scheme}://${hostOf(scheme)}:${client}`;
    this.port = client;
    this.#data = data;
    this.#runDir = runDir;
    this.#args = [
      ...['--name', name, '--data-dir', data, '--unsafe-no-fsync'],
      ...(scheme === 'https' ? ['--auto-tls'] : []),
      ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
      ...[
        '--listen-peer-urls',
        `http://${host}:${peer}`,
        '--initial-advertise-peer-urls',
        address,
        '--initial-cluster',
        peers,
      ],
      // Short, yet with a margin for a busy machine; the shortest lease of etcd is 1.5 times the election timeout.
      ...['--heartbeat-interval', '50', '--election-timeout', '500'],
    ];
  }

  async start(): Promise<void> {
    const { port } = this;
    const launch = {
      port,
      args: this.#args,
      files: [],
      ready: 'ready to serve client requests',
      hostNetwork: false,
    };
    this.#instance = await launchBinary(launch, this.#runDir, 'etcd');
  }

  /** What `etcdctl` prints when it asks only this member. */
  async ctl(...args: string[]): Promise<string> {
    const options = { env: ENV, timeout: CTL_TIMEOUT_MS };
    return (await run('etcdctl', [`--endpoints=${this.url}`, '--command-timeout=1s', ...args], options))
      .stdout;
  }

  /** The certificate that it has made for itself. */
  async certificate(): Promise<Buffer> {
    return readFile(join(this.#data, 'fixtures', 'client', 'cert.pem'));
  }

  /** How many streams from and to other members it has ever had. */
  async streams(): Promise<number> {
    const log = (await this.#instance?.log()) ?? '';
    return log.match(/established (a )?TCP streaming connection/g)?.length ?? 0;
  }

  /** Freezes it: connections stay open, nothing is answered. */
  async pause(): Promise<void> {
    await this.#instance?.pause();
  }

  async resume(): Promise<void> {
    await this.#instance?.resume();
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    await this.#instance?.kill();
  }

  /** Starts it again on the same ports with its data, killed before or not. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    const instance = this.#instance;
    this.#instance = undefined;
    await instance?.remove();
  }
}

async function freePorts(count: number): Promise<Ports[]> {
  const ports: Ports[] = [];
  for (let member = 0; member < count; member++) {
    ports.push({ client: await freePort(), peer: await freePort() });
  }
  return ports;
}

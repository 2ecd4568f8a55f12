import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { Keys } from '../../src/redis/keys.ts';
import type { RedisSettings } from '../../src/redis/options.ts';
import { Protocol, scriptConstants } from '../../src/redis/protocol.ts';

/** What a server is asked to do: a script, or one of the few commands that are none. */
export type CommandKind =
  | 'acquire'
  | 'acquireShare'
  | 'adopt'
  | 'count'
  | 'downgrade'
  | 'info'
  | 'inspect'
  | 'ping'
  | 'refresh'
  | 'refreshShare'
  | 'release'
  | 'releaseShare'
  | 'ssubscribe'
  | 'sunsubscribe'
  | 'unknown'
  | 'wait';

/** One command as it would have gone out. */
export interface Sent {
  readonly kind: CommandKind;
  /** Complete, as on the server: keys of scripts with the `keyPrefix` of ioredis, or channels. */
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/** What a server says to a command. */
export type Answering = (sent: Sent, connection: FakeRedis) => Promise<unknown>;

/** The hashes of the scripts of a backend with these settings. */
export class ScriptKinds {
  readonly #kinds = new Map<string, CommandKind>();

  /** `perName`: on a cluster. */
  constructor(keyPrefix: string, settings: RedisSettings, perName = false) {
    const keys = new Keys(keyPrefix, settings.prefix);
    const protocol = new Protocol(keys, scriptConstants(keys, settings, perName));
    const mutex = { name: 'x', ttlMs: 10, units: 1, capacity: 1 };
    const calls = {
      acquire: protocol.acquire(mutex, 'a:1:10'),
      acquireShare: protocol.acquire({ ...mutex, capacity: 2 }, 'a:1:10:1'),
      adopt: protocol.adopt('x', 'a:1:10', 10, 1),
      count: protocol.count('x', 'a', ['read']),
      downgrade: protocol.downgrade('x', 'a:1:10:2', 1),
      inspect: protocol.inspect('x', ''),
      refresh: protocol.refresh('x', 'a:1:10', 10),
      refreshShare: protocol.refresh('x', 'a:1:10:1', 10),
      release: protocol.release('x', 'a:1:10'),
      releaseShare: protocol.release('x', 'a:1:10:1'),
    };
    for (const [kind, { script }] of Object.entries(calls)) this.#kinds.set(script.sha, kind as CommandKind);
  }

  of(sha: string): CommandKind {
    return this.#kinds.get(sha) ?? 'unknown';
  }
}

interface Server {
  readonly scripts: ScriptKinds;
  readonly answer: Answering;
  /** Calls `task` a moment later. */
  soon(task: () => void): void;
}

/** The parts of an ioredis instance that the library uses, on a server that is a function. */
export class FakeRedis extends EventEmitter {
  /** All that was sent, over this connection and over those made from it. */
  readonly sent: Sent[];
  readonly #lines: FakeRedis[] = [];
  readonly options: Record<string, unknown>;
  readonly stream = { cork() {}, uncork() {} };
  readonly connector: { firstError?: unknown } = {};
  status = 'ready';
  protected readonly server: Server;

  constructor(options: Record<string, unknown>, server: Server, sent: Sent[] = []) {
    super();
    this.options = options;
    this.sent = sent;
    this.server = server;
  }

  /** The connections made from this one, to hear messages on. */
  get lines(): readonly FakeRedis[] {
    return this.#lines;
  }

  /** As what it passes for. */
  get redis(): Redis {
    return this as unknown as Redis;
  }

  evalsha(sha: string, keys: number, ...args: (string | number)[]): Promise<unknown> {
    const prefix = String(this.options.keyPrefix ?? '');
    const complete = args.slice(0, keys).map((key) => prefix + key);
    return this.#send(this.server.scripts.of(sha), complete, args.slice(keys));
  }

  eval(lua: string, keys: number, ...args: (string | number)[]): Promise<unknown> {
    return this.evalsha(createHash('sha1').update(lua).digest('hex'), keys, ...args);
  }

  ssubscribe(channel: string): Promise<unknown> {
    return this.#send('ssubscribe', [channel], []);
  }

  sunsubscribe(channel: string): Promise<unknown> {
    return this.#send('sunsubscribe', [channel], []);
  }

  ping(): Promise<unknown> {
    return this.#send('ping', [], []);
  }

  info(section: string): Promise<unknown> {
    return this.#send('info', [], [section]);
  }

  wait(replicas: number, timeoutMs: number): Promise<unknown> {
    return this.#send('wait', [], [replicas, timeoutMs]);
  }

  duplicate(override: Record<string, unknown>): FakeRedis {
    const line = new FakeRedis({ ...this.options, ...override }, this.server, this.sent);
    this.#lines.push(line);
    line.status = 'connecting';
    this.server.soon(() => line.back());
    return line;
  }

  /** The link is cut. */
  cut(error?: Error): void {
    if (this.status === 'end') return;
    this.status = 'reconnecting';
    if (error) this.connector.firstError = error;
    if (error && this.listenerCount('error') > 0) this.#emit('error', error);
    this.#emit('close');
  }

  /** It is made anew, or for the first time. */
  back(): void {
    if (this.status === 'end' || this.status === 'ready') return;
    this.status = 'ready';
    this.#emit('ready');
  }

  disconnect(): void {
    if (this.status === 'end') return;
    this.status = 'end';
    this.#emit('close');
    this.#emit('end');
  }

  /** As ioredis does: first the status, then in the next tick what tells of it. */
  #emit(event: string, ...args: unknown[]): void {
    process.nextTick(() => this.emit(event, ...args));
  }

  #send(kind: CommandKind, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const sent = { kind, keys, args };
    this.sent.push(sent);
    return this.server.answer(sent, this);
  }
}

const SLOTS = 16_384;

/** The same of an ioredis cluster, of one node. */
export class FakeCluster extends FakeRedis {
  readonly isCluster = true;
  readonly node: FakeRedis;
  readonly slots: readonly (readonly string[])[];

  constructor(options: Record<string, unknown>, server: Server) {
    super(options, server);
    this.node = new FakeRedis(options, server, this.sent);
    this.slots = new Array(SLOTS).fill([`${options.host}:${options.port}`]);
  }

  override get lines(): readonly FakeRedis[] {
    return this.node.lines;
  }

  nodes(): readonly FakeRedis[] {
    return [this.node];
  }

  refreshSlotsCache(): void {
    this.server.soon(() => this.emit('refresh'));
  }

  override cut(error?: Error): void {
    super.cut(error);
    this.node.cut(error);
  }

  override back(): void {
    super.back();
    this.node.back();
  }

  override disconnect(): void {
    super.disconnect();
    this.node.disconnect();
  }
}

import { Redis } from 'ioredis';
import { type CommandRecorder, recordCommands, type WireCommand } from '../test/support/commands.ts';
import { type RedisServer, startRedis } from '../test/support/redis-server.ts';
import { divide, type Processors } from './measure/processors.ts';

/** What the server did, without our own questions. */
export interface ServerUse {
  /** CPU time of all its threads, in µs. */
  readonly cpuUs: number;
  readonly inputBytes: number;
  /** With those that scripts call. */
  readonly commands: number;
  readonly scripts: number;
}

/** A script's runs as the server timed them, in µs. */
export type ScriptTimes = ReadonlyMap<string, number[]>;

const SLOWLOG_LENGTH = 20_000;

/** The one Redis that everything is measured on. */
export class BenchServer {
  readonly #server: RedisServer;
  readonly #redis: Redis;

  /** What it and its clients are bound to, if they are. */
  readonly processors: Processors | undefined;

  private constructor(server: RedisServer, processors: Processors | undefined) {
    this.#server = server;
    this.processors = processors;
    this.#redis = new Redis(server.url);
  }

  /** With a processor for itself, unless it may move from one to another. */
  static async start({ floating = false } = {}): Promise<BenchServer> {
    const processors = floating ? undefined : divide();
    const args = processors ? ['--server_cpulist', String(processors.server)] : [];
    return new BenchServer(await startRedis({ args }), processors);
  }

  get url(): string {
    return this.#server.url;
  }

  get way(): string {
    return this.#server.way;
  }

  async stop(): Promise<void> {
    this.#redis.disconnect();
    await this.#server.stop();
  }

  /** Forgets all keys; scripts stay known. */
  async flush(): Promise<void> {
    await this.#redis.flushall();
  }

  async version(): Promise<string> {
    return (await this.#info('server')).get('redis_version') ?? 'unknown';
  }

  /** What the server does meanwhile. */
  async use<T>(work: () => Promise<T>): Promise<{ result: T; used: ServerUse }> {
    const start = await this.#counters();
    const before = await this.#counters();
    const result = await work();
    const after = await this.#counters();
    // Between the first two there was nothing but the question.
    const without = (name: keyof ServerUse): number =>
      after[name] - before[name] - (before[name] - start[name]);
    return {
      result,
      used: {
        cpuUs: without('cpuUs'),
        inputBytes: without('inputBytes'),
        commands: without('commands'),
        scripts: without('scripts'),
      },
    };
  }

  /** How many keys have a name with this text in it. */
  async keysLike(text: string): Promise<number> {
    return (await this.#redis.keys(`*${text}*`)).length;
  }

  /** How many sharded channels with this text in their name somebody listens to. */
  async listeners(text: string): Promise<number> {
    return ((await this.#redis.pubsub('SHARDCHANNELS', `*${text}*`)) as string[]).length;
  }

  /** How many clients are connected. */
  async connections(): Promise<number> {
    return Number((await this.#info('clients')).get('connected_clients'));
  }

  /** Memory in use, without the buffers of connections. */
  async memoryBytes(): Promise<number> {
    const memory = await this.#info('memory');
    return Number(memory.get('used_memory')) - Number(memory.get('mem_clients_normal'));
  }

  /** What clients send meanwhile, command by command, but for our own INFO. Slows the server, so nothing may be timed. */
  async record<T>(work: () => Promise<T>): Promise<{ result: T; commands: WireCommand[] }> {
    const { hostname: host, port } = new URL(this.url);
    const recorder: CommandRecorder = await recordCommands({ host, port: Number(port) });
    try {
      const result = await work();
      const commands = await recorder.take();
      return { result, commands: commands.filter(({ name }) => name !== 'info') };
    } finally {
      recorder.close();
    }
  }

  /** How long each run of a script took on the server meanwhile, by the script's hash. */
  async timeScripts<T>(work: () => Promise<T>): Promise<{ result: T; times: ScriptTimes }> {
    await this.#redis.config('SET', 'slowlog-max-len', SLOWLOG_LENGTH);
    await this.#redis.config('SET', 'slowlog-log-slower-than', 0);
    await this.#redis.slowlog('RESET');
    try {
      const result = await work();
      return {
        result,
        times: byScript((await this.#redis.slowlog('GET', SLOWLOG_LENGTH)) as SlowlogEntry[]),
      };
    } finally {
      await this.#redis.config('SET', 'slowlog-log-slower-than', -1);
    }
  }

  async #counters(): Promise<ServerUse> {
    const [cpu, stats, calls] = await Promise.all([
      this.#info('cpu'),
      this.#info('stats'),
      this.#info('commandstats'),
    ]);
    const callsOf = (command: string): number =>
      Number(/calls=(\d+)/.exec(calls.get(`cmdstat_${command}`) ?? '')?.[1] ?? 0);
    const seconds = Number(cpu.get('used_cpu_user')) + Number(cpu.get('used_cpu_sys'));
    return {
      cpuUs: seconds * 1e6,
      inputBytes: Number(stats.get('total_net_input_bytes')),
      commands: Number(stats.get('total_commands_processed')),
      scripts: callsOf('evalsha') + callsOf('eval'),
    };
  }

  async #info(section: string): Promise<Map<string, string>> {
    const text = await this.#redis.info(section);
    return new Map(text.split('\r\n').map((line) => line.split(':', 2) as [string, string]));
  }
}

/** Id, time of day, duration in µs, command, and more. */
type SlowlogEntry = [number, number, number, string[]];

function byScript(entries: SlowlogEntry[]): ScriptTimes {
  const times = new Map<string, number[]>();
  for (const [, , us, [command = '', sha = '']] of entries) {
    if (command.toLowerCase() !== 'evalsha') continue;
    const known = times.get(sha);
    if (known) known.push(us);
    else times.set(sha, [us]);
  }
  return times;
}

import { readFile } from 'node:fs/promises';
import { type Address, answers, type TlsTrust } from './ask.ts';
import type { ServerWay } from './choose-servers.ts';
import { freePort } from './free-port.ts';
import { type Instance, type Launch, START_TIMEOUT_MS, startFailure } from './launch.ts';
import { launchBinary } from './redis-binary.ts';
import { currentRun, runName, type TestRun } from './run.ts';
import type { SteppedClock } from './stepped-clock.ts';
import { until } from './wait.ts';

export interface RedisOptions {
  /** Further arguments of the server, after our own and so with the last word. */
  args?: readonly string[];
  password?: string;
  /** Listen with TLS only; what clients need for that is `tls` of the server. */
  tls?: boolean;
  /** A free one by default. */
  port?: number;
  /** In a container, share the network of this machine: for servers that are told of each other. */
  hostNetwork?: boolean;
  /** The clock it goes by. It is then started from the PATH, whatever was decided for this run. */
  clock?: SteppedClock;
}

interface Recipe extends Pick<Launch, 'files' | 'ready' | 'hostNetwork' | 'env'> {
  readonly args: (port: number, bind: string) => readonly string[];
  readonly port?: number | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsTrust | undefined;
}

const CERTIFICATE = 'test-only.crt';
const KEY = 'test-only.key';
const PORT_ATTEMPTS = 5;

/** Starts a Redis server, in the way that was decided for this run, and waits until it answers. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const files = options.tls ? [await tlsFile(CERTIFICATE), await tlsFile(KEY)] : [];
  return RedisServer.start({
    args: (port, bind) => redisArgs(options, port, bind),
    files,
    ready: 'Ready to accept connections',
    hostNetwork: options.hostNetwork ?? false,
    port: options.port,
    password: options.password,
    tls: files[0] && { ca: files[0].content, servername: 'localhost' },
    env: options.clock?.env,
  });
}

/** A real server of one test file. */
export class RedisServer implements AsyncDisposable {
  readonly way: ServerWay;
  readonly host: string;
  readonly port: number;
  /** With the password, if there is one. */
  readonly url: string;
  /** What clients need to trust it, if it speaks TLS. */
  readonly tls: TlsTrust | undefined;
  readonly password: string | undefined;
  readonly #run: TestRun;
  readonly #launch: Launch;
  #instance: Instance | undefined;

  private constructor(run: TestRun, recipe: Recipe, launch: Launch, instance: Instance) {
    this.way = run.choice.way;
    this.host = instance.host;
    this.port = launch.port;
    this.tls = recipe.tls;
    this.password = recipe.password;
    const scheme = recipe.tls === undefined ? 'redis' : 'rediss';
    const login = recipe.password === undefined ? '' : `:${encodeURIComponent(recipe.password)}@`;
    this.url = `${scheme}://${login}${this.host}:${this.port}`;
    this.#run = run;
    this.#launch = launch;
    this.#instance = instance;
  }

  /** For the kit itself; tests say `startRedis()` or `startSentinel()`. */
  static async start(recipe: Recipe): Promise<RedisServer> {
    const run = await runFor(recipe);
    // A container is reached by its engine's address, which need not be this machine's own.
    const bind = run.choice.way === 'binary' ? '127.0.0.1' : '0.0.0.0';
    for (let attempt = 1; ; attempt++) {
      const port = recipe.port ?? (await freePort());
      const { files, ready, hostNetwork, env } = recipe;
      const launch = { port, args: recipe.args(port, bind), files, ready, hostNetwork, env };
      try {
        const instance = await launchAndAsk(launch, run, recipe.tls);
        return new RedisServer(run, recipe, launch, instance);
      } catch (error) {
        const another = recipe.port === undefined && attempt < PORT_ATTEMPTS && portWasTaken(error);
        if (!another) throw error;
      }
    }
  }

  /** Freezes it: connections stay open, nothing is answered. */
  async pause(): Promise<void> {
    await this.#running().pause();
  }

  async resume(): Promise<void> {
    await this.#running().resume();
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    await this.#running().kill();
  }

  /** Starts it again after it was killed, with what it had written down. */
  async revive(): Promise<void> {
    await this.#running().revive();
    await until(() => answers(this), { what: 'an answer to PING', timeout: START_TIMEOUT_MS });
  }

  /** Starts it again on the same port with the same options and without data, killed before or not. */
  async restart(): Promise<void> {
    await this.#running().remove();
    this.#instance = undefined;
    this.#instance = await launchAndAsk(this.#launch, this.#run, this.tls);
  }

  /** Ends it and removes its files; once is enough. */
  async stop(): Promise<void> {
    const instance = this.#instance;
    this.#instance = undefined;
    await instance?.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #running(): Instance {
    if (this.#instance === undefined) throw new Error('the test server was stopped');
    return this.#instance;
  }
}

/** What this machine has in its environment is nothing to a container. */
async function runFor({ env }: Recipe): Promise<TestRun> {
  const run = await currentRun();
  return env ? { ...run, choice: { ...run.choice, way: 'binary' } } : run;
}

async function launchAndAsk(launch: Launch, run: TestRun, tls: TlsTrust | undefined): Promise<Instance> {
  const instance = await launchServer(launch, run);
  const address: Address = { host: instance.host, port: launch.port, tls };
  try {
    await until(() => answers(address), { what: 'an answer to PING', timeout: START_TIMEOUT_MS });
    return instance;
  } catch (error) {
    const log = await instance.log();
    await instance.remove();
    throw startFailure(String(error), log);
  }
}

async function launchServer(launch: Launch, run: TestRun): Promise<Instance> {
  if (run.choice.way === 'binary') return launchBinary(launch, run.dir);
  // Loaded late, as it takes a while and a run without an engine need not have it.
  const { launchContainer } = await import('./redis-container.ts');
  return launchContainer(launch, run.choice.image, runName(run));
}

/** Whether somebody else took the port between our look and the start; the words are Redis' and Docker's. */
function portWasTaken(error: unknown): boolean {
  return /address already in use|port is already allocated/i.test(String(error));
}

function redisArgs(options: RedisOptions, port: number, bind: string): readonly string[] {
  const { tls = false, password, args = [] } = options;
  return [
    ...['--bind', bind, '--protected-mode', 'no', '--save', '', '--appendonly', 'no'],
    ...['--port', tls ? '0' : String(port)],
    ...(tls ? tlsArgs(port) : []),
    ...(password === undefined ? [] : ['--requirepass', password]),
    ...args,
  ];
}

function tlsArgs(port: number): readonly string[] {
  return [
    ...['--tls-port', String(port), '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', CERTIFICATE, '--tls-key-file', KEY, '--tls-ca-cert-file', CERTIFICATE],
  ];
}

async function tlsFile(name: string): Promise<{ name: string; content: string }> {
  return { name, content: await readFile(new URL(`./tls/${name}`, import.meta.url), 'utf8') };
}

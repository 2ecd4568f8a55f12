import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pDefer, { type DeferredPromise } from 'p-defer';
import { atExit } from './at-exit.ts';
import { within } from './wait.ts';

/** What goes between a test and its client processes. */
export interface Message {
  readonly type: string;
}

export interface ClientOptions {
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Further options of Node.js: `--expose-gc`. */
  nodeOptions?: readonly string[];
}

export interface ClientExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MESSAGE_TIMEOUT_MS = 20_000;

/** Runs a TypeScript file as a process of its own; `process.send` and `process.on('message')` are its side. */
export function spawnClient<Received extends Message, Sent extends Message = Message>(
  file: string | URL,
  { args = [], env = {}, nodeOptions = [] }: ClientOptions = {},
): ClientProcess<Received, Sent> {
  const child = fork(file, args, {
    cwd: ROOT, // Where `tsx` is found.
    execArgv: ['--import', 'tsx', ...nodeOptions],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  return new ClientProcess(child);
}

/** A client process, from the test's side. */
export class ClientProcess<Received extends Message, Sent extends Message = Message>
  implements AsyncDisposable
{
  /** Resolves when the process has ended, in whichever way. */
  readonly exit: Promise<ClientExit>;
  readonly #child: ChildProcess;
  readonly #inbox: Received[] = [];
  readonly #waiting = new Set<{ type: string; deferred: DeferredPromise<Received> }>();
  #stderr = '';
  #killed = false;
  #ended: Error | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    const forget = atExit(() => child.kill('SIGKILL'));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    child.on('message', (message) => this.#onMessage(message as Received));
    const { promise, resolve } = pDefer<ClientExit>();
    this.exit = promise;
    child.once('error', (error) => {
      this.#stderr += String(error);
    });
    // Not at 'exit': only at 'close' all it wrote and sent has come in.
    child.once('close', (code, signal) => {
      forget();
      this.#onEnd({ code, signal });
      resolve({ code, signal });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What it wrote to stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The next message of a type, in the order they came; rejects when the process ends without one. */
  next<T extends Received['type']>(
    type: T,
    timeoutMs = MESSAGE_TIMEOUT_MS,
  ): Promise<Extract<Received, { type: T }>> {
    const isWanted = (message: Received): message is Extract<Received, { type: T }> => message.type === type;
    const index = this.#inbox.findIndex(isWanted);
    const found = this.#inbox[index];
    if (found !== undefined && isWanted(found)) {
      this.#inbox.splice(index, 1);
      return Promise.resolve(found);
    }
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const waiter = { type, deferred: pDefer<Received>() };
    this.#waiting.add(waiter);
    const arrived = within(timeoutMs, `the message "${type}" of a client`, () => waiter.deferred.promise);
    return arrived.finally(() => this.#waiting.delete(waiter)) as Promise<Extract<Received, { type: T }>>;
  }

  /** Sends it a message; one that has ended hears nothing. */
  send(message: Sent): void {
    if (this.#child.connected) this.#child.send(message as Serializable);
  }

  /** Sends it a signal, by default the one that it cannot handle. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#killed ||= signal !== 'SIGSTOP' && signal !== 'SIGCONT';
    this.#child.kill(signal);
  }

  /** Ends it by force and waits until it is gone. */
  async stop(): Promise<ClientExit> {
    this.kill();
    return this.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #onMessage(message: Received): void {
    for (const waiter of this.#waiting) {
      if (waiter.type !== message.type) continue;
      this.#waiting.delete(waiter);
      waiter.deferred.resolve(message);
      return;
    }
    this.#inbox.push(message);
  }

  #onEnd({ code, signal }: ClientExit): void {
    const how = signal === null ? `with status ${code}` : `by ${signal}`;
    this.#ended = new Error(`the client process ended ${how}; its stderr:\n${this.#stderr}`);
    for (const { deferred } of this.#waiting) deferred.reject(this.#ended);
    // Nobody may ask it for anything any more, and yet somebody should hear of it.
    const unexpected = !this.#killed && (code !== 0 || signal !== null);
    if (unexpected && this.#waiting.size === 0) console.error(this.#ended.message);
  }
}

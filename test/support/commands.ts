import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Address, open } from './ask.ts';
import { until } from './wait.ts';

/** One command as a client sent it. */
export interface WireCommand {
  /** In small letters: `evalsha`. */
  readonly name: string;
  /** The client's address as the server sees it: `127.0.0.1:40412`. */
  readonly client: string;
  /** Name and arguments, each quoted: `"evalsha" "0a1b…" "1" "key"`. */
  readonly text: string;
}

// An ECHO of this and a number marks a point in the record; no recorder takes it for a command.
const MARK = 'batonlock-test-mark';

/**
 * Records the commands that reach a server over the wire, by MONITOR. `INFO commandstats` would not do: it
 * counts what scripts call, too. MONITOR leaves out administrative commands such as CONFIG, and what is
 * refused before it runs; what clients send of their own accord, such as AUTH and INFO, is in it.
 */
export async function recordCommands(server: Address): Promise<CommandRecorder> {
  const recorder = new CommandRecorder(open(server), open(server));
  try {
    await recorder.begin(server.password === undefined ? 1 : 2);
  } catch (error) {
    recorder.close();
    throw error;
  }
  return recorder;
}

/** How often each command occurs: `{ evalsha: 3, publish: 1 }`. */
export function countByName(commands: readonly WireCommand[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name } of commands) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** A running record; it ends with `stop()` or with the server. */
export class CommandRecorder implements AsyncDisposable {
  readonly #monitor: Socket;
  readonly #marker: Socket;
  readonly #mark = `${MARK}-${randomUUID()}`;
  #commands: WireCommand[] = [];
  #rest = '';
  #acknowledged = 0;
  #marksSent = 0;
  #marksSeen = 0;
  #failure: Error | undefined;

  constructor(monitor: Socket, marker: Socket) {
    this.#monitor = monitor;
    this.#marker = marker;
    monitor.on('data', (chunk: Buffer) => this.#onData(chunk.toString('latin1')));
    marker.resume(); // Its replies do not matter, yet unread ones would keep its end from us.
    for (const socket of [monitor, marker]) {
      socket.on('error', () => {}); // 'close' follows.
      socket.on('close', () => this.#fail('the connection ended'));
    }
  }

  /** Begins to record; MONITOR is the last of so many commands that answer OK. */
  async begin(acknowledgements: number): Promise<void> {
    this.#monitor.write('MONITOR\r\n');
    await this.#until(() => this.#acknowledged === acknowledgements, 'MONITOR to begin');
    await this.take(); // Rids us of our own AUTH.
  }

  /** The commands since the beginning or the last call, complete up to this moment. */
  async take(): Promise<WireCommand[]> {
    const mark = ++this.#marksSent;
    this.#marker.write(`ECHO ${this.#mark}\r\n`);
    await this.#until(() => this.#marksSeen >= mark, 'MONITOR to show everything');
    const taken = this.#commands;
    this.#commands = [];
    return taken;
  }

  /** The commands since the last call of `take()`, and the end of the record. */
  async stop(): Promise<WireCommand[]> {
    try {
      return await this.take();
    } finally {
      this.close();
    }
  }

  /** Ends the record for want of interest in it. */
  close(): void {
    this.#monitor.destroy();
    this.#marker.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #until(condition: () => boolean, what: string): Promise<boolean> {
    return until(
      () => {
        if (condition()) return true;
        if (this.#failure !== undefined) throw this.#failure;
        return false;
      },
      { what, timeout: 30_000 },
    );
  }

  #fail(why: string): void {
    this.#failure ??= new Error(`cannot record the server's commands: ${why}`);
  }

  #onData(text: string): void {
    const lines = (this.#rest + text).split('\r\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
  }

  /** `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`; in the place of the address `lua` for scripts. */
  #onLine(line: string): void {
    if (line === '+OK') {
      this.#acknowledged++;
      return;
    }
    if (line.startsWith('-')) this.#fail(line.slice(1));
    const bracket = line.indexOf('[');
    const bracketEnd = line.indexOf('] "', bracket);
    const client = line.slice(line.indexOf(' ', bracket) + 1, bracketEnd);
    if (bracketEnd === -1 || client === 'lua') return;
    const words = line.slice(bracketEnd + 2);
    const name = words.slice(1, words.indexOf('"', 1)).toLowerCase();
    if (name !== 'echo' || !words.includes(MARK)) this.#commands.push({ name, client, text: words });
    else if (words.includes(this.#mark)) this.#marksSeen++;
  }
}

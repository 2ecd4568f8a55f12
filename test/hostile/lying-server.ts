import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { RespFrames } from '../support/resp-frames.ts';
import type { WireLie } from './resp-lies.ts';

/** What a lying server is like for one case. */
export interface Manners {
  /** What it answers to scripts, one after the other, and then again. */
  readonly lies: readonly WireLie[];
  /** Whether it says what a client expects of a server to begin with. */
  readonly honestAtFirst: boolean;
  /** Whether it confirms subscriptions. */
  readonly confirms: boolean;
}

const INFO = 'redis_version:7.4.0\r\nloading:0\r\nmaxmemory_policy:noeviction\r\n';

/** A server of RESP 2 and 3 on a real socket that answers whatever it was told to. */
export class LyingServer {
  /** Keys and channels that it was asked for. */
  readonly keys: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #manners: Manners = { lies: [], honestAtFirst: true, confirms: true };
  #told = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#welcome(socket));
  }

  static async start(): Promise<LyingServer> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    // Nobody is kept from going home.
    server.unref();
    return new LyingServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on it is like that; who was connected before is not any more. */
  begin(manners: Manners): void {
    this.#manners = manners;
    this.#told = 0;
    this.keys.length = 0;
    for (const socket of this.#sockets) socket.destroy();
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket);
    const frames = new RespFrames();
    let protocol = 2;
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      for (const frame of frames.push(chunk)) {
        const words = wordsOf(frame);
        if (words[0] === 'hello') protocol = 3;
        this.#answer(socket, words, protocol);
      }
    });
  }

  #answer(socket: Socket, [command = '', ...args]: readonly string[], protocol: number): void {
    const { honestAtFirst, confirms } = this.#manners;
    if (command === 'evalsha' || command === 'eval') this.keys.push(...args.slice(2, 2 + Number(args[1])));
    else if (command === 'ssubscribe') this.keys.push(...args);
    const subscribes = command === 'ssubscribe' || command === 'sunsubscribe';
    if (['evalsha', 'eval'].includes(command) || (subscribes ? !confirms : !honestAtFirst)) this.#lie(socket);
    else if (subscribes) socket.write(confirmation(command, args[0] ?? '', protocol));
    else if (command === 'info') socket.write(`$${INFO.length}\r\n${INFO}\r\n`);
    else if (command === 'hello') socket.write('%1\r\n+proto\r\n:3\r\n');
    else socket.write('+OK\r\n');
  }

  #lie(socket: Socket): void {
    const { lies } = this.#manners;
    const lie = lies[this.#told++ % lies.length];
    if (!lie) return;
    const size = Math.max(1, Math.ceil(lie.bytes.length / lie.pieces));
    for (let start = 0; start < lie.bytes.length; start += size)
      socket.write(lie.bytes.subarray(start, start + size));
    if (lie.ending === 'end') socket.end();
    if (lie.ending === 'reset') socket.resetAndDestroy();
  }
}

function confirmation(command: string, channel: string, protocol: number): string {
  const name = Buffer.byteLength(channel);
  return `${protocol === 3 ? '>' : '*'}3\r\n+${command}\r\n$${name}\r\n${channel}\r\n:1\r\n`;
}

/** The words of a command, the first in small letters. */
function wordsOf(frame: Buffer): string[] {
  const lines = frame.toString().split('\r\n');
  // Every other line is a length.
  const words = lines.filter((_, index) => index > 0 && index % 2 === 0);
  return [words[0]?.toLowerCase() ?? '', ...words.slice(1)];
}

import type { Socket } from 'node:net';
import { RespFrames } from './resp-frames.ts';

const TLS_HANDSHAKE = 0x16;
/** What HTTP/2 begins with, and so gRPC. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0');
/** The ">" of a pushed message, which answers nothing. */
const PUSH = 0x3e;

/** What a proxy does, at the moment, to the bytes of one direction. */
export interface Flow {
  held: boolean;
  delayMs: number;
}

/** A reply to be lost: that to the next request which contains the text. */
export interface Swallow {
  readonly text: string;
  matched: boolean;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

/** One client's connection through the proxy: a socket on each side and a pipe each way. */
export class Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly #requests: Pipe;
  readonly #replies: Pipe;
  readonly #swallows: Set<Swallow>;
  readonly #sentFrames = new RespFrames();
  readonly #replyFrames = new RespFrames();
  #opaque = false;
  #sent = 0;
  #answered = 0;
  #swallowing: { swallow: Swallow; request: number } | undefined;

  constructor(
    client: Socket,
    server: Socket,
    flows: { requests: Flow; replies: Flow },
    swallows: Set<Swallow>,
  ) {
    this.client = client;
    this.server = server;
    this.#swallows = swallows;
    this.#requests = new Pipe(server, flows.requests);
    this.#replies = new Pipe(client, flows.replies);
    client.on('data', (chunk: Buffer) => this.#onRequests(chunk));
    server.on('data', (chunk: Buffer) => this.#onReplies(chunk));
    this.#join(client, this.#requests);
    this.#join(server, this.#replies);
  }

  /** Looks again at what may pass, after a change of the flows. */
  flush(): void {
    this.#requests.flush();
    this.#replies.flush();
  }

  /** Breaks both connections; what was held back is lost. */
  cut(): void {
    this.client.destroy();
    this.server.destroy();
    this.#requests.clear();
    this.#replies.clear();
  }

  #join(from: Socket, pipe: Pipe): void {
    from.setNoDelay(true);
    from.on('error', () => {}); // 'close' follows, and that is what is passed on.
    from.on('close', () => pipe.push('close'));
  }

  #onRequests(chunk: Buffer): void {
    if (this.#sent === 0 && isOpaque(chunk)) this.#opaque = true;
    if (this.#opaque) {
      this.#requests.push(chunk);
      return;
    }
    for (const frame of this.#sentFrames.push(chunk)) {
      this.#sent++;
      // What a replica is sent from here on is a file first, and no frames.
      if (frame.includes('PSYNC')) this.#opaque = true;
      for (const swallow of this.#swallows) {
        if (this.#swallowing !== undefined || swallow.matched || !frame.includes(swallow.text)) continue;
        swallow.matched = true;
        this.#swallowing = { swallow, request: this.#sent };
      }
    }
    this.#requests.push(chunk);
  }

  /** Replies pass as whole frames, so that the one to lose can be told from those before it. */
  #onReplies(chunk: Buffer): void {
    if (this.#opaque) {
      this.#replies.push(chunk);
      return;
    }
    for (const frame of this.#replyFrames.push(chunk)) {
      if (frame[0] !== PUSH) this.#answered++;
      const lost = this.#swallowing?.request === this.#answered ? this.#swallowing.swallow : undefined;
      if (lost === undefined) {
        this.#replies.push(frame);
        continue;
      }
      this.server.destroy();
      this.#swallowing = undefined;
      lost.done();
      return;
    }
  }
}

/** Passes bytes on in order, late or not for the time being, and the end of the connection after them. */
class Pipe {
  readonly #to: Socket;
  readonly #flow: Flow;
  readonly #queue: { item: Buffer | 'close'; due: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(to: Socket, flow: Flow) {
    this.#to = to;
    this.#flow = flow;
  }

  push(item: Buffer | 'close'): void {
    this.#queue.push({ item, due: performance.now() + this.#flow.delayMs });
    this.flush();
  }

  flush(): void {
    clearTimeout(this.#timer);
    for (let head = this.#queue[0]; head !== undefined && !this.#flow.held; head = this.#queue[0]) {
      const waitMs = head.due - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flush(), waitMs);
        return;
      }
      this.#queue.shift();
      if (head.item === 'close') this.#to.destroySoon();
      else if (this.#to.writable) this.#to.write(head.item);
    }
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }
}

/** Whether a connection that begins so carries anything but RESP: it passes as it is, and nothing is swallowed. */
function isOpaque(chunk: Buffer): boolean {
  return chunk[0] === TLS_HANDSHAKE || chunk.subarray(0, HTTP2_PREFACE.length).equals(HTTP2_PREFACE);
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import pDefer from 'p-defer';
import { type Flow, Link, type Swallow } from './proxy-link.ts';

/** Puts a TCP proxy in front of a server, to break connections in every way that a network knows. */
export async function startProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new FaultProxy(server, target);
}

/** A proxy for Redis; everything it does to connections concerns the present and the future ones. */
export class FaultProxy implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly url: string;
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #links = new Set<Link>();
  readonly #swallows = new Set<Swallow>();
  readonly #requests: Flow = { held: false, delayMs: 0 };
  readonly #replies: Flow = { held: false, delayMs: 0 };
  #accepted = 0;
  #refusing = false;

  constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    this.url = `redis://${this.host}:${this.port}`;
    server.on('connection', (client) => this.#onConnection(client));
  }

  /** How many clients are connected. */
  get connections(): number {
    return [...this.#links].filter((link) => !link.client.closed).length;
  }

  /** How many connections were let in so far: a reconnect shows here. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Delays every byte by so many milliseconds, requests and replies alike; 0 ends it for bytes to come. */
  delay(ms: number): void {
    this.#requests.delayMs = ms;
    this.#replies.delayMs = ms;
  }

  /** Delays the replies only. */
  delayReplies(ms: number): void {
    this.#replies.delayMs = ms;
  }

  /** Holds everything back both ways, the ends of connections included: the link is half-open. */
  stall(): void {
    this.#requests.held = true;
    this.#replies.held = true;
  }

  /** Holds the requests back; replies still pass. */
  stallRequests(): void {
    this.#requests.held = true;
  }

  /** Holds the replies back: the server executes what the client never hears of. */
  stallReplies(): void {
    this.#replies.held = true;
  }

  /** Lets everything through again, what was held back first. */
  flow(): void {
    this.#requests.held = false;
    this.#replies.held = false;
    for (const link of this.#links) link.flush();
  }

  /** Breaks all present connections on both sides; what was held back is lost. */
  cut(): void {
    for (const link of this.#links) link.cut();
  }

  /** Ends every new connection at once. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Lets new connections in again. */
  accept(): void {
    this.#refusing = false;
  }

  /**
   * Lets the next request that contains the text reach the server, waits until the server has answered it,
   * drops that answer and cuts the connection. Resolves when it has happened, rejects if the proxy is stopped
   * first. For connections that carry commands: on a RESP2 subscriber replies cannot be told from messages.
   */
  swallowNextReply({ afterRequestContaining: text }: { afterRequestContaining: string }): Promise<void> {
    const { promise, resolve, reject } = pDefer<void>();
    const done = () => {
      this.#swallows.delete(swallow);
      resolve();
    };
    const swallow: Swallow = { text, matched: false, done, fail: reject };
    this.#swallows.add(swallow);
    // Whoever awaits it still gets the rejection; a test that failed before that point gets no second error.
    promise.catch(() => {});
    return promise;
  }

  /** Breaks all connections and listens no more. */
  async stop(): Promise<void> {
    this.cut();
    for (const { text, fail } of this.#swallows) fail(new Error(`no reply to "${text}" came by`));
    this.#swallows.clear();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #onConnection(client: Socket): void {
    if (this.#refusing) {
      client.destroy();
      return;
    }
    this.#accepted++;
    const server = connect(this.#target.port, this.#target.host);
    const flows = { requests: this.#requests, replies: this.#replies };
    const link = new Link(client, server, flows, this.#swallows);
    this.#links.add(link);
    const forget = () => {
      if (!client.closed || !server.closed) return;
      link.cut();
      this.#links.delete(link);
    };
    client.once('close', forget);
    server.once('close', forget);
  }
}

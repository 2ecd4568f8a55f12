import type { IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3';
import pDefer, { type DeferredPromise } from 'p-defer';
import { noAnswer, toBackendError } from './errors.ts';
import type { EtcdLink } from './link.ts';
import type { EtcdClient } from './members.ts';
import { endStream } from './stream.ts';

type KeepAliveStream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

/** Renews leases on one stream, opened when first needed and again after a failure. */
export class KeepAlives {
  readonly #link: EtcdLink;
  #channel: Promise<Channel> | undefined;

  constructor(link: EtcdLink) {
    this.#link = link;
  }

  /**
   * Starts a lease's TTL anew: true once etcd has confirmed it, false when there is no such lease. Rejects with
   * `LockBackendError` after `patienceMs`, and when the stream fails; then the next call goes to another member.
   */
  async renew(leaseId: string, patienceMs: number): Promise<boolean> {
    this.#channel ??= this.#open();
    const opening = this.#channel;
    try {
      const renewal = opening.then((channel) => channel.ask(leaseId));
      return (await this.#link.within(patienceMs, renewal)) > 0;
    } catch (error) {
      const failure = toBackendError(error);
      this.#drop(opening);
      throw failure;
    }
  }

  close(): void {
    if (this.#channel) this.#drop(this.#channel);
  }

  async #open(): Promise<Channel> {
    const client = this.#link.members.current;
    try {
      const stream = await client.leaseClient.leaseKeepAlive();
      return new Channel(client, stream);
    } catch (error) {
      this.#link.members.failed(client);
      throw error;
    }
  }

  /** What fails on a stream fails for all that it carries: the next one starts with a clean slate. */
  #drop(opening: Promise<Channel>): void {
    if (this.#channel !== opening) return;
    this.#channel = undefined;
    opening.then(
      (channel) => {
        this.#link.members.failed(channel.client);
        channel.close();
      },
      () => {},
    );
  }
}

/** One stream, and who waits for which answer on it. */
class Channel {
  readonly client: EtcdClient;
  readonly #stream: KeepAliveStream;
  readonly #asked = new Map<string, DeferredPromise<number>[]>();
  #end: Error | undefined;

  constructor(client: EtcdClient, stream: KeepAliveStream) {
    this.client = client;
    this.#stream = stream;
    stream.on('data', ({ ID, TTL }) => this.#answered(ID, Number(TTL)));
    stream.on('error', (error) => this.#fail(error));
    stream.on('end', () => this.#fail(noAnswer()));
  }

  /** Resolves with the seconds that the lease has now, at most 0 if there is none. */
  ask(ID: string): Promise<number> {
    if (this.#end) return Promise.reject(this.#end);
    const answer = pDefer<number>();
    const waiting = this.#asked.get(ID);
    if (waiting) waiting.push(answer);
    else this.#asked.set(ID, [answer]);
    // What nobody waits for any more must not surface as an unhandled rejection.
    answer.promise.catch(() => {});
    this.#stream.write({ ID });
    return answer.promise;
  }

  close(): void {
    this.#fail(noAnswer());
    endStream(this.#stream);
  }

  /** Answers come in the order of the questions. */
  #answered(leaseId: string, seconds: number): void {
    const waiting = this.#asked.get(leaseId);
    waiting?.shift()?.resolve(seconds);
    if (waiting?.length === 0) this.#asked.delete(leaseId);
  }

  #fail(error: Error): void {
    if (this.#end) return;
    this.#end = error;
    for (const waiting of this.#asked.values()) for (const { reject } of waiting) reject(error);
    this.#asked.clear();
  }
}

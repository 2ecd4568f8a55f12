import type { IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3';
import pDefer, { type DeferredPromise } from 'p-defer';
import { noAnswer, toBackendError } from './errors.ts';
import type { EtcdLink } from './link.ts';
import type { EtcdClient } from './members.ts';
import { endStream } from './stream.ts';

/** A stream, and the member that it goes to. */
interface Opened {
  readonly client: EtcdClient;
  readonly channel: Promise<Channel>;
}

type KeepAliveStream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

/** Renews leases on one stream, opened when first needed and again after a failure. */
export class KeepAlives {
  readonly #link: EtcdLink;
  #opened: Opened | undefined;

  constructor(link: EtcdLink) {
    this.#link = link;
  }

  /**
   * Starts a lease's TTL anew: true once etcd has confirmed it, false when there is no such lease. Rejects with
   * `LockBackendError` after `patienceMs`, and when the stream fails; then the next call goes to another member.
   */
  async renew(leaseId: string, patienceMs: number): Promise<boolean> {
    const { members } = this.#link;
    const client = members.current;
    // Where the commands go: who repeats a renewal as one of them blames that member for its failure.
    if (this.#opened?.client !== client) this.close();
    this.#opened ??= { client, channel: openChannel(client) };
    const opened = this.#opened;
    try {
      const renewal = opened.channel.then((channel) => channel.ask(leaseId));
      return (await this.#link.within(patienceMs, renewal)) > 0;
    } catch (error) {
      // What fails on a stream fails for all that it carries: the next one starts with a clean slate.
      if (this.#opened === opened) {
        members.failed(client);
        this.close();
      }
      throw toBackendError(error);
    }
  }

  close(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.channel.then(
      (channel) => channel.close(),
      () => {},
    );
  }
}

async function openChannel({ leaseClient }: EtcdClient): Promise<Channel> {
  return new Channel(await leaseClient.leaseKeepAlive());
}

/** One stream, and who waits for which answer on it. */
class Channel {
  readonly #stream: KeepAliveStream;
  readonly #asked = new Map<string, DeferredPromise<number>[]>();
  #end: Error | undefined;

  constructor(stream: KeepAliveStream) {
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

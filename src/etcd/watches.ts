import type { IDuplexStream, IEvent, IWatchCreateRequest, IWatchRequest, IWatchResponse } from 'etcd3';
import { type Alarm, pause } from '../core/clock.ts';
import type { LockBackendError } from '../errors.ts';
import { toBackendError } from './errors.ts';
import type { Call, EtcdLink } from './link.ts';
import type { EtcdClient } from './members.ts';
import { endStream } from './stream.ts';

/** What is watched, and who is told. */
export interface WatchRequest {
  readonly key: Buffer;
  readonly range_end?: Buffer;
  /** Tell only of keys that are deleted. */
  readonly deletionsOnly: boolean;
  /** The first revision to tell of; 0 for whatever comes after the beginning. */
  readonly from: number;
  onEvents(events: readonly IEvent[]): void;
  /**
   * The watch begins in the past: what it has missed comes only when etcd next looks at such watches, ten times a second.
   */
  onLate?(): void;
  /** The watch has begun, or begun anew after a failure: what can be read from now on and what is told have no gap. */
  onBegin?(): void;
  /**
   * No more will come: etcd has forgotten what happened since `from` (undefined: look for yourself and watch anew), or
   * forbids to watch.
   */
  onEnd(failure: LockBackendError | undefined): void;
}

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

const REOPEN_MS = 50;
const REOPEN_LONGEST_MS = 1_000;

interface Watched {
  readonly request: WatchRequest;
  from: number;
  /** The member that has refused it last, if none has accepted it since. */
  refusedBy: EtcdClient | undefined;
}

/**
 * All watches of one backend, on one stream. A stream that fails or falls silent is replaced, on another member if there
 * is one, and every watch goes on where it was. (etcd3's own watcher attaches one after another, a round trip each.)
 */
export class Watches {
  readonly #link: EtcdLink;
  readonly #watched = new Map<string, Watched>();
  #lastId = 0;
  #client: EtcdClient | undefined;
  #stream: WatchStream | undefined;
  /** The watches whose creation is yet to be answered, which happens in order. */
  #unborn: string[] = [];
  #opening = false;
  #failures = 0;
  #beat: Alarm | undefined;
  #unanswered = false;
  #closed = false;

  constructor(link: EtcdLink) {
    this.#link = link;
  }

  /** Begins to watch; returns how to stop. */
  watch(request: WatchRequest): () => void {
    const id = String(++this.#lastId);
    const watched = { request, from: request.from, refusedBy: undefined };
    this.#watched.set(id, watched);
    if (this.#stream) this.#create(this.#stream, id, watched);
    else void this.#open();
    this.#armBeat();
    return () => {
      if (!this.#watched.delete(id)) return;
      this.#stream?.write({ cancel_request: { watch_id: id } });
      if (this.#watched.size === 0) this.#disarmBeat();
    };
  }

  close(): void {
    this.#closed = true;
    this.#watched.clear();
    this.#drop();
  }

  async #open(): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    while (!this.#stream && !this.#closed && this.#watched.size > 0) {
      const client = this.#link.members.current;
      const opening = client.watchClient.watch();
      try {
        this.#use(client, await this.#link.within(this.#link.commandTimeoutMs, opening));
      } catch (error) {
        opening.then(endStream, () => {});
        this.#link.members.failed(client);
        const failure = toBackendError(error);
        if (!failure.retryable) this.#endAll(failure);
        await pause(this.#link.clock, this.#backOff()).done;
      }
    }
    this.#opening = false;
  }

  #use(client: EtcdClient, stream: WatchStream): void {
    if (this.#closed) {
      endStream(stream);
      return;
    }
    this.#client = client;
    this.#stream = stream;
    this.#unanswered = false;
    this.#unborn = [];
    stream.on('data', (response) => this.#onResponse(stream, response));
    stream.on('error', () => this.#onFailure(stream));
    stream.on('end', () => this.#onFailure(stream));
    for (const [id, watched] of this.#watched) this.#create(stream, id, watched);
  }

  #create(stream: WatchStream, id: string, { request, from }: Watched): void {
    const { key, range_end, deletionsOnly } = request;
    const create: IWatchCreateRequest = { key, start_revision: from, watch_id: id };
    if (range_end) create.range_end = range_end;
    if (deletionsOnly) create.filters = ['Noput'];
    this.#unborn.push(id);
    stream.write({ create_request: create });
  }

  #onResponse(stream: WatchStream, response: IWatchResponse): void {
    if (stream !== this.#stream) return;
    this.#unanswered = false;
    this.#failures = 0;
    // A watch that is refused is told so under the id −1.
    const id = response.created ? (this.#unborn.shift() ?? response.watch_id) : response.watch_id;
    const watched = this.#watched.get(id);
    if (!watched) return;
    if (response.canceled) this.#onCanceled(stream, id, watched, response);
    else this.#onAccepted(watched, response);
    const last = response.events.at(-1);
    if (!last) return;
    watched.from = Number(last.kv.mod_revision) + 1;
    watched.request.onEvents(response.events);
  }

  #onAccepted(watched: Watched, { created, header }: IWatchResponse): void {
    watched.refusedBy = undefined;
    if (!created) return;
    const revision = Number(header.revision);
    if (watched.from === 0) watched.from = revision + 1;
    else if (revision >= watched.from) watched.request.onLate?.();
    watched.request.onBegin?.();
  }

  #onCanceled(stream: WatchStream, id: string, watched: Watched, response: IWatchResponse): void {
    const { compact_revision, cancel_reason } = response;
    const failure = toBackendError(new Error(cancel_reason));
    const compacted = Number(compact_revision) > 0;
    const denied = failure.reason === 'denied';
    if (compacted || (denied && watched.refusedBy === this.#client)) {
      this.#watched.delete(id);
      watched.request.onEnd(compacted ? undefined : failure);
      return;
    }
    watched.refusedBy = denied ? this.#client : undefined;
    if (denied) void this.#renewToken(stream, watched);
    else this.#onFailure(stream);
  }

  /**
   * A stream keeps the token it was opened with, and tokens end; etcd3 gets a new one, for the member that is asked, when a
   * command is refused. So the stream is opened there.
   */
  async #renewToken(stream: WatchStream, { request: { key } }: Watched): Promise<void> {
    const probe: Call<unknown> = (client, options) => client.kv.range({ key, keys_only: true }, options);
    await this.#link.run(probe).catch(() => {});
    this.#replace(stream);
  }

  #onFailure(stream: WatchStream): void {
    if (stream === this.#stream && this.#client) this.#link.members.failed(this.#client);
    this.#replace(stream);
  }

  #replace(stream: WatchStream): void {
    if (stream !== this.#stream) return;
    this.#drop();
    void pause(this.#link.clock, this.#backOff()).done.then(() => this.#open());
  }

  #drop(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#disarmBeat();
    if (stream) endStream(stream);
    if (this.#watched.size > 0) this.#armBeat();
  }

  /** No stream is to be had any more: the client was closed, or lets us in no more. */
  #endAll(failure: LockBackendError): void {
    const all = [...this.#watched.values()];
    this.#watched.clear();
    this.#disarmBeat();
    for (const { request } of all) request.onEnd(failure);
  }

  #backOff(): number {
    this.#failures += 1;
    return Math.min(REOPEN_MS * 2 ** Math.min(this.#failures - 1, 10), REOPEN_LONGEST_MS);
  }

  /**
   * A member that is frozen, or to which the link is cut, says nothing, as does a quiet lock: so the stream is asked now and
   * then. (One that is cut off from the others would answer; it ends the stream.)
   */
  #armBeat(): void {
    const { clock, commandTimeoutMs } = this.#link;
    this.#beat ??= clock.callAt(clock.now() + commandTimeoutMs, () => {
      this.#beat = undefined;
      if (this.#watched.size === 0) return;
      this.#ask();
      this.#armBeat();
    });
  }

  /**
   * By a watch that ends at once, whose making is always answered. A request for progress is not, by an etcd of mid-2025 or
   * newer, while a watch begins later than what there is: as that of every waiter on a quiet cluster (etcd PR 20229).
   */
  #ask(): void {
    const stream = this.#stream;
    const [watched] = this.#watched.values();
    if (!stream || !watched) return;
    if (this.#unanswered) {
      this.#onFailure(stream);
      return;
    }
    this.#unanswered = true;
    const id = String(++this.#lastId);
    this.#create(stream, id, { ...watched, from: 0 });
    stream.write({ cancel_request: { watch_id: id } });
  }

  #disarmBeat(): void {
    this.#beat?.cancel();
    this.#beat = undefined;
  }
}

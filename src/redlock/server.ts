import type { Alarm } from '../core/clock.ts';
import type { LockBackendError } from '../errors.ts';
import type { RedisBackend } from '../redis/backend.ts';
import { noAnswer } from '../redis/errors.ts';

/** How long a link that was cut may take to come back before those who wait there go elsewhere, in ms. */
const GRACE_MS = 250;
/** How long to wait before asking a silent server whether it is there, in ms. */
const PROBE_MS = 1_000;

/** Who wants to know how the servers are. */
export interface ServerEvents {
  /** There may be something to gain from asking this one again. */
  serverBack(): void;
  /** It can't be reached, or does not answer: nobody must wait there. */
  serverLost(server: Server): void;
}

/** One of the independent servers: its own backend, and whether it can be asked. */
export class Server {
  /** Host and port, path or name, for errors. */
  readonly label: string;
  readonly backend: RedisBackend;
  readonly #events: ServerEvents;
  #grace: Alarm | undefined;
  #probe: Alarm | undefined;
  #closed = false;
  #wasReady: boolean;

  constructor(label: string, backend: RedisBackend, events: ServerEvents) {
    this.label = label;
    this.backend = backend;
    this.#events = events;
    this.#wasReady = backend.link.redis.status === 'ready';
    backend.link.onHealth(() => this.#look());
  }

  /** Whether a command has a chance here. */
  get usable(): boolean {
    return this.backend.link.usable;
  }

  /** Whether its connection has been ended. */
  get ended(): boolean {
    return this.backend.link.redis.status === 'end';
  }

  /** Why it is not usable. */
  outage(lockName: string): LockBackendError {
    return this.backend.link.outage(lockName) ?? noAnswer(undefined, lockName);
  }

  async close(): Promise<void> {
    await this.backend.close();
    this.#closed = true;
    this.#grace?.cancel();
    this.#probe?.cancel();
  }

  #look(): void {
    if (this.usable) {
      this.#wasReady = true;
      this.#grace?.cancel();
      this.#grace = undefined;
      this.#events.serverBack();
    } else if (this.backend.link.silent || !this.#wasReady) {
      this.#probeSoon();
      this.#events.serverLost(this);
    } else if (!this.#grace) {
      const { clock } = this.backend;
      this.#grace = clock.callAt(clock.now() + GRACE_MS, () => {
        this.#grace = undefined;
        if (!this.usable) this.#events.serverLost(this);
      });
    }
  }

  /**
   * A server that is silent is sent nothing, and most of the time speaks up by itself when it answers what it owes; not
   * when the connection has stopped waiting for that.
   */
  #probeSoon(): void {
    if (this.#probe || this.#closed) return;
    const { clock, link } = this.backend;
    this.#probe = clock.callAt(clock.now() + PROBE_MS, () => {
      void link.probe().then(() => {
        this.#probe = undefined;
        if (link.silent) this.#probeSoon();
      });
    });
  }
}

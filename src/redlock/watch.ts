import pDefer, { type DeferredPromise } from 'p-defer';
import type { LockState, Observation } from '../core/backend.ts';
import { LockBackendError } from '../errors.ts';
import type { Server } from './server.ts';
import type { Servers } from './servers.ts';

/**
 * Watches a lock on the first server that can be asked: there the grants come first, and every grant and release
 * reaches it. When it is lost, on to the next.
 */
export class MovingWatch implements Observation {
  readonly #name: string;
  readonly #servers: Servers;
  readonly #onChange: (state: LockState) => void;
  readonly #onEnd: (error: unknown) => void;
  readonly #onStop: (watch: MovingWatch) => void;
  readonly #started: DeferredPromise<void> = pDefer();
  #server: Server | undefined;
  #observation: Observation | undefined;
  /** Whether some server has confirmed. */
  #running = false;
  #stopped = false;

  constructor(
    name: string,
    servers: Servers,
    onChange: (state: LockState) => void,
    onEnd: (error: unknown) => void,
    onStop: (watch: MovingWatch) => void,
  ) {
    this.#name = name;
    this.#servers = servers;
    this.#onChange = onChange;
    this.#onEnd = onEnd;
    this.#onStop = onStop;
  }

  /** Resolves once some server has confirmed. Rejects with what a server refuses it for. */
  async start(): Promise<this> {
    this.#begin();
    try {
      await this.#started.promise;
      return this;
    } catch (error) {
      this.#stopped = true;
      this.#onStop(this);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#onStop(this);
    await this.#observation?.stop();
  }

  /** Rejects with `LockBackendError` when the server cannot be asked. */
  async check(): Promise<void> {
    await this.#observation?.check();
  }

  /** That server is lost, or may be back. */
  look(lost?: Server): void {
    const nowhere = this.#server === undefined;
    if (this.#stopped || !(nowhere || this.#server === lost)) return;
    const last = this.#observation;
    this.#observation = undefined;
    last?.stop().catch(() => {});
    this.#begin();
  }

  #begin(): void {
    const server = this.#servers.first();
    this.#server = server;
    if (!server) {
      // One that is only away comes back, and is looked at then.
      if (this.#servers.ended) this.#fail(this.#servers.error(this.#servers.outages(this.#name), this.#name));
      return;
    }
    const onChange = (state: LockState) => {
      if (this.#server === server && !this.#stopped) this.#onChange(state);
    };
    const onEnd = (error: unknown) => this.#ended(server, error);
    server.backend
      .watch(this.#name, onChange, onEnd)
      .then((observation) => this.#begun(server, observation), onEnd);
  }

  /** That server refuses, or its connection has ended; whoever has not begun yet goes elsewhere, too, if there is another. */
  #ended(server: Server, error: unknown): void {
    if (server.usable || !this.#servers.first()) this.#started.reject(error);
    if (!server.usable) this.look(server);
  }

  /** Nothing will be told any more. */
  #fail(error: unknown): void {
    this.#started.reject(error);
    if (!this.#running) return;
    void this.stop();
    this.#onEnd(error);
  }

  #begun(server: Server, observation: Observation): void {
    if (this.#stopped || this.#server !== server || this.#observation) {
      void observation.stop();
      return;
    }
    this.#observation = observation;
    this.#running = true;
    this.#started.resolve();
    // What happened between two servers shows in the state. What fails here is made good by the safety net.
    observation.check().catch((error: unknown) => {
      if (!(error instanceof LockBackendError)) throw error;
    });
  }
}

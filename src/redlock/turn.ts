import type { Canceller, Grant, LeaseRequest } from '../core/backend.ts';
import type { WakeSource } from '../core/diagnostics.ts';
import type { Server } from './server.ts';

/** Whose turn it is. */
export interface TurnTaker {
  readonly request: LeaseRequest;
  readonly deadline: number;
  turnCame(turn: Turn, grant: Grant, wake: WakeSource | undefined): void;
  turnRefused(turn: Turn): void;
  turnFailed(turn: Turn, reason: unknown): void;
}

/** An acquire on the one server that decides whose turn it is. */
export class Turn implements LeaseRequest {
  readonly server: Server;
  canceller: Canceller | undefined;
  readonly #taker: TurnTaker;

  constructor(server: Server, taker: TurnTaker) {
    this.server = server;
    this.#taker = taker;
  }

  get name(): string {
    return this.#taker.request.name;
  }

  get ttlMs(): number {
    return this.#taker.request.ttlMs;
  }

  get units(): number {
    return this.#taker.request.units;
  }

  get capacity(): number {
    return this.#taker.request.capacity;
  }

  get deadline(): number {
    return this.#taker.deadline;
  }

  get askedAt(): number {
    return this.#taker.request.askedAt;
  }

  granted(grant: Grant, wake?: WakeSource): void {
    this.#taker.turnCame(this, grant, wake);
  }

  refused(): void {
    this.#taker.turnRefused(this);
  }

  failed(reason: unknown): void {
    this.#taker.turnFailed(this, reason);
  }
}

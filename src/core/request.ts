import type { LeaseRequest } from './backend.ts';

/** The caller's side of one acquire: what it asks for, and how it gives up. */
export class PendingRequest implements LeaseRequest {
  readonly name: string;
  readonly ttlMs: number;
  readonly units = 1;
  readonly capacity = 1;
  readonly askedAt: number;
  readonly deadline: number;
  /** Whose close() cancels this request. */
  readonly scope: object;
  #listener: ((reason: unknown) => void) | undefined;

  constructor(name: string, ttlMs: number, askedAt: number, waitMs: number, scope: object) {
    this.name = name;
    this.ttlMs = ttlMs;
    this.askedAt = askedAt;
    this.deadline = askedAt + waitMs;
    this.scope = scope;
  }

  onCancel(listener: (reason: unknown) => void): void {
    this.#listener = listener;
  }

  cancel(reason: unknown): void {
    this.#listener?.(reason);
  }
}

import type { LeaseRequest } from './backend.ts';
import { Linked } from './linked-set.ts';
import type { Lock } from './lock.ts';

/** The caller's side of one acquire: what it asks for, how it gives up, and what it got. */
export class PendingRequest extends Linked implements LeaseRequest {
  readonly name: string;
  readonly ttlMs: number;
  readonly units = 1;
  readonly capacity = 1;
  readonly askedAt: number;
  readonly deadline: number;
  /** Whose close() cancels this request, or releases what came of it. */
  readonly scope: object;
  /** What came of it. */
  lock: Lock | undefined;
  #listener: ((reason: unknown) => void) | undefined;

  constructor(name: string, ttlMs: number, askedAt: number, waitMs: number, scope: object) {
    super();
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

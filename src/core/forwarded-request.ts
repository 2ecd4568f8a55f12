import type { Canceller, Grant, LeaseRequest } from './backend.ts';
import type { WakeSource } from './diagnostics.ts';

/** A request that somebody between the caller and a backend passes on, to have a say in what comes back. */
export abstract class ForwardedRequest implements LeaseRequest, Canceller {
  readonly name: string;
  readonly ttlMs: number;
  readonly units: number;
  readonly capacity: number;
  readonly deadline: number;
  readonly askedAt: number;
  /** The backend's end of it. */
  canceller: Canceller | undefined;
  protected readonly inner: LeaseRequest;

  constructor(inner: LeaseRequest) {
    this.name = inner.name;
    this.ttlMs = inner.ttlMs;
    this.units = inner.units;
    this.capacity = inner.capacity;
    this.deadline = inner.deadline;
    this.askedAt = inner.askedAt;
    this.inner = inner;
    inner.canceller = this;
  }

  abstract cancel(reason: unknown): void;

  abstract granted(grant: Grant, wake?: WakeSource): void;

  refused(): void {
    this.inner.refused();
  }

  failed(reason: unknown): void {
    this.inner.failed(reason);
  }
}

import type { Grant, LeaseRequest, LockState, Observation } from '../core/backend.ts';
import { type Clock, pause } from '../core/clock.ts';
import { ignoreBackendError } from '../core/ignore.ts';
import type { Owners } from '../core/owner.ts';
import { MemoryBackend } from '../memory/backend.ts';
import type { MemorySpace } from '../memory/space.ts';
import { Courier } from './courier.ts';
import type { Faults, ServerCall } from './faults.ts';

/** Locks in memory behind a wire on which faults happen: a call that fails has not reached the server. */
export class FaultyBackend extends MemoryBackend {
  readonly #faults: Faults;
  readonly #grants = new Map<string, Grant>();

  constructor(clock: Clock, owners: Owners, space: MemorySpace, faults: Faults) {
    super(clock, owners, space);
    this.#faults = faults;
  }

  /** What this client believes to hold under an owner id. */
  grantOf(owner: string): Grant | undefined {
    return this.#grants.get(owner);
  }

  override acquire(request: LeaseRequest): void {
    this.#send(request, true, (courier) => super.acquire(courier));
  }

  override tryAcquire(request: LeaseRequest): void {
    this.#send(request, false, (courier) => super.tryAcquire(courier));
  }

  override refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    // One that was handed to this client first shows here.
    this.#grants.set(grant.owner, grant);
    return this.#call('refresh', grant.name, () => super.refresh(grant, ttlMs));
  }

  override downgrade(grant: Grant, units: number): Promise<boolean> {
    return this.#call('downgrade', grant.name, () => super.downgrade(grant, units));
  }

  override release(grant: Grant): Promise<boolean> {
    this.#grants.delete(grant.owner);
    return this.#call('release', grant.name, () => super.release(grant));
  }

  override inspect(name: string): Promise<LockState> {
    return this.#call('inspect', name, () => super.inspect(name));
  }

  override forceRelease(name: string): Promise<boolean> {
    return this.#call('forceRelease', name, () => super.forceRelease(name));
  }

  override watch(name: string, onChange: (state: LockState) => void): Promise<Observation> {
    return this.#call('watch', name, async () => {
      const observation = await super.watch(name, (state) => this.#later(() => onChange(state)));
      const check = () => this.#call('inspect', name, () => observation.check());
      return { check, stop: () => observation.stop() };
    });
  }

  override onForced(grant: Grant, listener: () => void): () => void {
    return super.onForced(grant, () => this.#later(listener));
  }

  /** Brings news as late as answers. */
  #later(tell: () => void): void {
    const delayMs = this.#faults.lag(this);
    if (delayMs > 0) this.clock.callAt(this.clock.now() + delayMs, tell);
    else tell();
  }

  #send(request: LeaseRequest, waits: boolean, ask: (courier: Courier) => void): void {
    const { delayMs, failure } = this.#faults.meet('acquire', this, request.name);
    const courier = new Courier(request, {
      ...{ clock: this.clock, delayMs, waits },
      delivered: (grant) => this.#grants.set(grant.owner, grant),
      undeliverable: (grant) => void super.release(grant).catch(ignoreBackendError),
    });
    if (failure) courier.answer(failure.error);
    else ask(courier);
  }

  async #call<T>(call: ServerCall, name: string, work: () => Promise<T>): Promise<T> {
    const { delayMs, failure } = this.#faults.meet(call, this, name);
    const answer = failure ? undefined : await work();
    if (delayMs > 0) await pause(this.clock, delayMs).done;
    if (failure) throw failure.error;
    return answer as T;
  }
}

import { LockClient } from '../client.ts';
import { checkDuration, checkName, isInstance } from '../core/arguments.ts';
import type { LockBackend } from '../core/backend.ts';
import { Lock } from '../core/lock.ts';
import { Owners } from '../core/owner.ts';
import { type BackendFault, LockArgumentError, type LossReason } from '../errors.ts';
import { LockCreator } from '../lock-creator.ts';
import { MemorySpace } from '../memory/space.ts';
import { checkFault, checkScope, type FaultOptions, Faults } from './faults.ts';
import { FaultyBackend } from './faulty-backend.ts';
import { ManualClock } from './manual-clock.ts';

export type { LockKind } from './conformance/kinds.ts';
export type { Hook, Register, TestRunner } from './conformance/runner.ts';
export { type ConformanceSubject, lockConformance } from './conformance/suite.ts';
export type { FaultOptions, ServerCall } from './faults.ts';
export type { ManualClock } from './manual-clock.ts';

/** Longer than any test's time. */
const FOR_EVER_MS = 2_147_483_647;
const REASONS: readonly LossReason[] = ['expired', 'taken', 'forced'];

/**
 * Locks for your own tests: in memory, on a clock that only the test moves, with every fault at hand. Nothing takes real time,
 * and each kit is a world of its own. For any test runner.
 */
export function testKit(): TestKit {
  return new TestKit();
}

/** See `testKit`. */
export class TestKit {
  /** The time of all clients of this kit. It stands still until `await kit.clock.advance(ms)`. */
  readonly clock: ManualClock = new ManualClock();
  readonly #faults = new Faults();
  // Fences count from 1, so that they are the same in every run.
  readonly #space = new MemorySpace(this.clock, () => 0);
  readonly #backends = new Map<object, FaultyBackend>();
  readonly #clients: LockClient[] = [];
  // Faults are for those who are tested.
  readonly #stranger = this.#open('stranger', new Faults());
  #connected = 0;

  /** A client as another process would have it: all clients of one kit share its locks. Each is named `client-<number>`. */
  client(): LockClient {
    this.#connected += 1;
    return this.#open(`client-${this.#connected}`);
  }

  /** As `client`, for code that is given a backend: `new LockCreator('orders:42', kit.backend())`. */
  backend(): LockBackend {
    this.#connected += 1;
    return this.#connect(`client-${this.#connected}`);
  }

  /**
   * Takes the lock away from its holder, or from all holders of a name, and hands it to the next in line. `expired` (the
   * default): the lease's time is over. `taken`: the server no longer knows the lease. `forced`: as `forceRelease`. The
   * `signal` of a lock made through `client()`, or given here, has aborted when this resolves; others learn of it when they
   * look or refresh. Rejects with `LockArgumentError` when nobody holds it.
   */
  async lose(lock: Lock | string, reason: LossReason = 'expired'): Promise<void> {
    if (typeof lock !== 'string' && !isInstance(lock, Lock)) {
      throw new LockArgumentError('lock', lock, 'a lock or the name of one');
    }
    if (!REASONS.includes(reason)) throw new LockArgumentError('reason', reason, REASONS.join(', '));
    const name = typeof lock === 'string' ? checkName(lock) : lock.name;
    const holders = this.#space.find(name)?.state.holders.map(({ owner }) => owner) ?? [];
    const owners = typeof lock === 'string' ? holders : holders.filter((owner) => owner === lock.owner);
    if (owners.length === 0) throw new LockArgumentError('lock', name, 'a lock that somebody holds');
    const losers = this.#locks(lock).filter(({ owner }) => owners.includes(owner));
    // A lock listens to its server once its signal has been looked at.
    if (reason === 'forced') for (const loser of losers) void loser.signal;
    this.#faults.spare(() => {
      for (const owner of owners) this.#end(name, owner, reason);
    });
    // Each notices when it looks: at its deadline, or at the server.
    await this.#faults.spare(() => Promise.all(losers.map((loser) => loser.isHeld())));
  }

  /**
   * Somebody else takes the lock and keeps it until `release()` of the returned lock, so that others wait, and time out when
   * the clock is moved; taking and releasing it meet no faults. All of it, if it is a semaphore or a side of a read-write
   * lock. Rejects with `LockTimeoutError` when somebody has it already, and with `LockArgumentError`.
   */
  async occupy(lock: string | LockCreator): Promise<Lock> {
    if (typeof lock !== 'string' && !isInstance(lock, LockCreator)) {
      throw new LockArgumentError('lock', lock, 'a creator or the name of a lock');
    }
    const { name, capacity } = typeof lock === 'string' ? { name: lock, capacity: 1 } : lock;
    const creator = this.#stranger.creator(name, { capacity, units: capacity });
    return creator.acquire(FOR_EVER_MS, 0);
  }

  /**
   * From now on calls take effect at once and are answered `ms` (an integer of 0 … 2 147 483 647) later, by the kit's clock.
   * Several delays add up. Returns how to end it; answers on their way stay late. Throws `LockArgumentError`.
   */
  delay(ms: number, options?: FaultOptions): () => void {
    return this.#faults.add({ delayMs: checkDuration(ms, 'ms', 0), error: undefined }, this.#scope(options));
  }

  /**
   * From now on calls do not reach the server, and reject: with your own error, or with a `LockBackendError` of that reason
   * (`unavailable`, the default, is retryable). Leases run out meanwhile, and who waits in line stays there. Returns how to end
   * it. Throws `LockArgumentError`.
   */
  fail(fault: BackendFault | Error = 'unavailable', options?: FaultOptions): () => void {
    return this.#faults.add({ delayMs: 0, error: checkFault(fault) }, this.#scope(options));
  }

  /** Ends all delays and failures. Leases that are lost stay so, and what is occupied, too. */
  restore(): void {
    this.#faults.clear();
  }

  /** Ends all faults and closes all clients of `client()`: what waits rejects with `LockClosedError`. Idempotent. */
  async close(): Promise<void> {
    this.restore();
    let closed = false;
    const closing = Promise.all(this.#clients.map((client) => client.close()));
    const done = closing.then(() => {
      closed = true;
    });
    await this.clock.advance(0);
    // Answers may still be on their way.
    while (!closed) await this.clock.advance(1_000);
    await done;
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(name: string, faults?: Faults): LockClient {
    const backend = this.#connect(name, faults);
    const client = new LockClient(backend);
    this.#backends.set(client, backend);
    this.#clients.push(client);
    return client;
  }

  #connect(name: string, faults = this.#faults): FaultyBackend {
    const backend = new FaultyBackend(this.clock, new Owners(name, 'test'), this.#space, faults);
    this.#backends.set(backend, backend);
    return backend;
  }

  #scope(options: FaultOptions | undefined): ReturnType<typeof checkScope> {
    return checkScope(options, (client) => this.#backends.get(client));
  }

  /** The locks that somebody may hold, as far as the kit can know. */
  #locks(given: Lock | string): Lock[] {
    const known = this.#clients.flatMap(({ held }) => held);
    return typeof given === 'string' || known.includes(given) ? known : [...known, given];
  }

  #end(name: string, owner: string, reason: LossReason): void {
    const resource = this.#space.find(name);
    if (reason === 'forced') resource?.forceRelease(owner);
    else resource?.release(owner);
    if (reason === 'expired') this.#expire(owner);
    this.#space.tidy(name);
  }

  #expire(owner: string): void {
    for (const backend of this.#backends.values()) {
      const grant = backend.grantOf(owner);
      if (grant) grant.deadline = this.clock.now();
    }
  }
}

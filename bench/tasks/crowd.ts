import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Connection, Lease } from '../contestants/contestant.ts';
import type { CrowdParams, ExpireResult, ParamsOf, PassResult } from '../crew/protocol.ts';
import { atUs, nowUs } from '../measure/clock.ts';
import { Durations } from '../measure/percentiles.ts';

const TTL_MS = 60_000;
const WAIT_MS = 600_000;
/** So many ask before the server is waited for: a command that gets no answer for long would be given up. */
const BATCH = 1_000;
const GRACE_MS = 50;
/** The heap is at rest when so many readings in a row were no lower than this, of the least before them. */
const IDLE_READINGS = 3;
const FREED = 0.999;
const REST_MS = 20;

// Node's own flag cannot be given to a process whose arguments the test kit decides.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Waiters of this process that hand a lock around, with no more of our own for each than one reaction. */
class Crowd {
  error: unknown;
  readonly #connection: Connection;
  readonly #name: string;
  #granted: number[] = [];
  #released: number[] = [];
  #until = 0;
  #kept: Lease | undefined;

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.#name = name;
  }

  async lineUp(waiters: number): Promise<void> {
    for (let left = waiters; left > 0; left -= BATCH) {
      for (let i = Math.min(left, BATCH); i > 0; i--) this.#ask();
      await this.#connection.settle?.(this.#name);
    }
  }

  /** Hands around until an instant. Who has it then keeps it for the next time, so that nobody need be wound up. */
  async pass(startAtUs: number, untilUs: number): Promise<PassResult> {
    this.#granted = [];
    this.#released = [];
    this.#until = untilUs;
    await atUs(startAtUs);
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept) this.#passOn(kept);
    await atUs(untilUs + GRACE_MS * 1_000);
    return { granted: this.#granted, released: this.#released };
  }

  #ask(): void {
    this.#connection.acquire(this.#name, TTL_MS, WAIT_MS).then(this.#onGrant, this.#onError);
  }

  readonly #onGrant = (lease: Lease): void => {
    const granted = nowUs();
    if (granted < this.#until) {
      this.#granted.push(granted);
      this.#passOn(lease);
    } else {
      this.#kept = lease;
    }
  };

  #passOn(lease: Lease): void {
    this.#released.push(nowUs());
    lease.release().catch(this.#onError);
    this.#ask();
  }

  readonly #onError = (error: unknown): void => {
    this.error ??= error;
  };
}

let crowd: Crowd | undefined;

export async function join(
  connection: Connection,
  params: CrowdParams,
): Promise<{ heapBytesPerWaiter: number }> {
  crowd = new Crowd(connection, params.name);
  // What is made once for a name, and once for a client, is there before we count.
  await crowd.lineUp(1);
  const before = await usedHeap();
  await crowd.lineUp(params.waiters - 1);
  const bytes = (await usedHeap()) - before;
  if (crowd.error) throw crowd.error;
  return { heapBytesPerWaiter: bytes / (params.waiters - 1) };
}

export async function pass({ startAtUs, untilUs }: ParamsOf<'pass'>): Promise<PassResult> {
  if (!crowd) throw new Error('nobody has joined');
  const result = await crowd.pass(startAtUs, untilUs);
  if (crowd.error) throw crowd.error;
  return result;
}

/** All waiters give up at one instant: when does each hear of it, and how long does the process do nothing else? */
export async function expire(
  connection: Connection,
  { name, waiters, waitMs }: CrowdParams & { waitMs: number },
): Promise<ExpireResult> {
  const lateness = new Durations();
  let granted = 0;
  const loopDelay = monitorEventLoopDelay({ resolution: 1 });
  const deadline = nowUs() + waitMs * 1_000;
  const waiting: Promise<unknown>[] = [];
  const wait = (): Promise<void> =>
    connection.acquire(name, TTL_MS, (deadline - nowUs()) / 1_000).then(
      () => {
        granted += 1;
      },
      () => lateness.add(nowUs() - deadline),
    );
  for (let left = waiters; left > 0; left -= BATCH) {
    for (let i = Math.min(left, BATCH); i > 0; i--) waiting.push(wait());
    await connection.settle?.(name);
  }
  if (nowUs() > deadline) throw new Error(`${waiters} waiters did not get in line within ${waitMs} ms`);
  loopDelay.enable();
  await Promise.all(waiting);
  loopDelay.disable();
  return { lateness: lateness.percentiles(), granted, loopDelayMaxMs: loopDelay.max / 1e6 };
}

/** What is kept: a socket holds on to what it has written until the event loop has turned a few times. */
async function usedHeap(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let idle = 0; idle < IDLE_READINGS; idle++) {
    collectGarbage();
    const { heapUsed } = process.memoryUsage();
    if (heapUsed < least * FREED) idle = 0;
    least = Math.min(least, heapUsed);
    await pause(REST_MS);
  }
  return least;
}

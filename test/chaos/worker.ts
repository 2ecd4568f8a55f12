import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { nowUs } from '../../bench/measure/clock.ts';
import { type Lock, type LockClient, LockError } from '../../src/index.ts';
import type { Chance } from './chance.ts';
import type { HistoryWriter } from './history.ts';
import type { Registers } from './register.ts';
import { nextPlan, type Pace, type Plan, type Use } from './workload.ts';

/** What the workers of one client share. */
export interface Workplace {
  readonly client: LockClient;
  readonly registers: Registers;
  readonly history: HistoryWriter;
  readonly finishing: () => boolean;
  /** A number that no other acquisition of this process has. */
  readonly nextId: () => number;
  /** What told of a grant, if that is known. */
  readonly toldBy: (owner: string) => string;
}

/** Refuses to be fooled by errors that nobody documents. */
function codeOf(error: unknown): string {
  if (error instanceof LockError) return error.code;
  if (error === ABORTED) return 'aborted';
  throw error;
}

const UNREACHABLE = ['ERR_LOCK_BACKEND', 'ERR_LOCK_QUORUM'];
const RETRY_MS = 20;
const ABORTED = new Error('aborted by the plan');

/** Takes one lock after the other, and notes what happens, until it is time to finish. */
export async function work(place: Workplace, chance: Chance, pace: Pace): Promise<void> {
  while (!place.finishing()) {
    await carryOut(nextPlan(chance, pace), place);
    await turn();
  }
}

async function carryOut(plan: Plan, place: Workplace): Promise<void> {
  const { history } = place;
  const id = place.nextId();
  history.write(['asked', id, plan.name, nowUs(), plan.withinMs]);
  let lock: Lock | null;
  try {
    lock = await acquire(plan, place.client);
  } catch (error) {
    const code = codeOf(error);
    history.write(['ended', id, nowUs(), code]);
    // Whoever is told that a server is not to be used does not try again at once.
    if (UNREACHABLE.includes(code)) await pause(RETRY_MS);
    return;
  }
  const at = nowUs();
  if (!lock) {
    history.write(['ended', id, at, 'refused']);
    return;
  }
  const until = at + lock.remaining * 1_000;
  history.write(['granted', id, at, lock.fencingToken, until, place.toldBy(lock.owner)]);
  await hold(lock, id, plan.use, place);
}

async function acquire(plan: Plan, client: LockClient): Promise<Lock | null> {
  const creator = client.creator(plan.name);
  if (plan.way === 'try') return creator.tryAcquire(plan.ttlMs);
  if (plan.abortAfterMs === undefined) return creator.acquire(plan.ttlMs, plan.waitMs);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(ABORTED), plan.abortAfterMs);
  try {
    return await creator.acquire(plan.ttlMs, plan.waitMs, { signal: abort.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function hold(lock: Lock, id: number, use: Use, { registers, history }: Workplace): Promise<void> {
  const draft = await registers.read(lock.name, lock.fencingToken);
  if (use.kind === 'abandoned') {
    abandon(lock);
    history.write(['released', id, nowUs(), use.kind]);
    return;
  }
  await keep(lock, id, use, history);
  const fenced = await registers.write(lock.name, draft);
  const releasing = nowUs();
  history.write(['releasing', id, releasing, lock.remaining > 0, fenced, true]);
  const how = await lock.release().then(() => 'released', codeOf);
  history.write(['released', id, nowUs(), how]);
}

async function keep(
  lock: Lock,
  id: number,
  use: Exclude<Use, { kind: 'abandoned' }>,
  history: HistoryWriter,
): Promise<void> {
  if (use.kind === 'refresh') {
    const end = nowUs() + use.holdMs * 1_000;
    while (nowUs() < end && lock.remaining > 0) {
      await pause(lock.ttl / 3);
      await lock.refresh().catch(codeOf);
      const at = nowUs();
      const { remaining } = lock;
      if (remaining > 0) history.write(['refreshed', id, at, at + remaining * 1_000]);
    }
    return;
  }
  // It may be lost already: then there is nothing to refresh.
  if (use.kind === 'auto refresh' && lock.remaining > 0) lock.autoRefresh();
  if (use.holdMs > 0) await pause(use.holdMs);
}

function abandon(lock: Lock): void {
  // A lease that is handed over and resumed by nobody ends with its TTL.
  if (lock.remaining > 0) lock.toJSON();
}

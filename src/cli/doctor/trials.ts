import type { LockClient } from '../../client.ts';
import type { LockBackend } from '../../core/backend.ts';
import { LockBackendError, LockError, LockLostError } from '../../errors.ts';
import { printable } from '../text.ts';
import type { Finding } from './findings.ts';

const NAME = 'batonlock-doctor';
const TTL_MS = 10_000;
const WAIT_MS = 5_000;

/**
 * Does once what applications do: settings are only half of it, and what a user may do nobody can say better than the server
 * that is asked for it. Nothing is left but fences, which expire.
 */
export async function tryAll(client: LockClient, backend: LockBackend): Promise<Finding[]> {
  const { supports, listing } = backend;
  const findings = [await attempt('lock', () => lockAndRefresh(client))];
  // One reason is enough.
  if (findings[0]?.verdict !== 'ok') return findings;
  findings.push(await attempt('handoff (pub/sub)', () => handOver(client)));
  findings.push(await attempt('watch, break', () => watchAndBreak(client)));
  if (supports.capacity) findings.push(await attempt('semaphore', () => useSemaphore(client)));
  if (supports.counters) findings.push(await attempt('counter', () => count(client)));
  if (listing) {
    const look = async (): Promise<void> => void (await listing.list(NAME)[Symbol.asyncIterator]().next());
    findings.push(await attempt('list (ls, top)', look));
  }
  return findings;
}

async function attempt(check: string, task: () => Promise<void>): Promise<Finding> {
  const startedAt = performance.now();
  try {
    await task();
    return { check, found: `works, ${(performance.now() - startedAt).toFixed(1)} ms`, verdict: 'ok' };
  } catch (error) {
    // A watch that is not told anything in time ends with what its signal says.
    if (!(error instanceof LockError || error instanceof DOMException)) throw error;
    return {
      check,
      found: 'fails',
      verdict: 'change',
      advice: `${adviceFor(error)}: ${printable(error.message)}`,
    };
  }
}

function adviceFor(error: Error): string {
  if (!(error instanceof LockBackendError)) return 'see what keeps it so long';
  if (error.reason === 'denied') return 'give this user the rights that docs/engines.md lists';
  return error.reason === 'unavailable'
    ? 'see whether the server is up and can be reached'
    : 'see what it means';
}

async function lockAndRefresh(client: LockClient): Promise<void> {
  const lock = await client.creator(NAME).acquire(TTL_MS, WAIT_MS);
  await lock.refresh();
  await lock.release();
}

async function handOver(client: LockClient): Promise<void> {
  const creator = client.creator(NAME);
  const first = await creator.acquire(TTL_MS, WAIT_MS);
  const waiting = creator.acquire(TTL_MS, WAIT_MS);
  let over = false;
  const end = (): void => {
    over = true;
  };
  waiting.then(end, end);
  try {
    while (!over && (await creator.inspect()).waiters === 0);
  } finally {
    await first.release();
  }
  await (await waiting).release();
}

async function watchAndBreak(client: LockClient): Promise<void> {
  const creator = client.creator(NAME);
  const states = creator.watch({ signal: AbortSignal.timeout(WAIT_MS) });
  try {
    await states.next();
    const lock = await creator.acquire(TTL_MS, WAIT_MS);
    await states.next();
    await creator.forceRelease();
    await lock.release().catch((error: unknown) => {
      if (!(error instanceof LockLostError)) throw error;
    });
  } finally {
    await states.return?.();
  }
}

async function useSemaphore(client: LockClient): Promise<void> {
  const permit = await client.semaphore(`${NAME}-semaphore`, 2).acquire(TTL_MS, WAIT_MS);
  await permit.release();
}

async function count(client: LockClient): Promise<void> {
  const counter = client.counter(NAME, { ttl: TTL_MS });
  await counter.set(1);
  const waiting = counter.wait(WAIT_MS);
  waiting.catch(() => {});
  await counter.decrement();
  await waiting;
  await counter.delete();
}

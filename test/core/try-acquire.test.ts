import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Lock, LockClient, type LockCreator } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { ScriptedBackend } from './scripted-backend.ts';

const TTL = 10_000_000;

let clock: ManualClock;
let backend: ScriptedBackend;
let client: LockClient;
let creator: LockCreator;
let holder: Lock;
/** The instants of all tries, counted from the first. */
let tries: number[];

beforeEach(async () => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  client = new LockClient(backend);
  creator = client.creator('orders:42');
  holder = await client.creator('orders:42').acquire(TTL);
  const start = clock.now();
  tries = [];
  backend.answers.tryAcquire = () => {
    tries.push(clock.now() - start);
    return undefined;
  };
});
afterEach(() => void vi.restoreAllMocks());

interface Followed<T> {
  settled: boolean;
  value?: T;
  error?: unknown;
}

function follow<T>(promise: Promise<T>): Followed<T> {
  const outcome: Followed<T> = { settled: false };
  promise.then(
    (value) => Object.assign(outcome, { settled: true, value }),
    (error: unknown) => Object.assign(outcome, { settled: true, error }),
  );
  return outcome;
}

describe('a try', () => {
  it('takes a lock that is free', async () => {
    await holder.release();
    const lock = await creator.tryAcquire(TTL);
    expect(await lock?.isHeld()).toBe(true);
    expect(client.held).toEqual([lock]);
    expect(clock.pending).toBe(0);
  });

  it('is one question, no queueing, and null when the lock is held', async () => {
    expect(await creator.tryAcquire(TTL)).toBeNull();
    expect(tries).toEqual([0]);
    expect((await creator.inspect()).waiters).toBe(0);
    expect(clock.pending).toBe(0);
    expect(client.held).toEqual([holder]);
  });

  it('that fails is not repeated: only a lock that is held is', async () => {
    const failure = new Error('broken');
    backend.answers.tryAcquire = () => Promise.reject(failure);
    await expect(creator.tryAcquire(TTL, { retries: 5 })).rejects.toBe(failure);
    expect(backend.count('tryAcquire')).toBe(1);
  });

  it('that is refused while it is aborted is over then, and brings nothing down', async () => {
    const unhandled = await unhandledDuring(async () => {
      const controller = new AbortController();
      const trying = follow(creator.tryAcquire(TTL, { signal: controller.signal }));
      controller.abort();
      await clock.advance(0);
      expect(trying.settled).toBe(true);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    });
    expect(unhandled).toEqual([]);
  });

  it('that is refused while its creator is closed is over then, and brings nothing down', async () => {
    const unhandled = await unhandledDuring(async () => {
      const trying = follow(creator.tryAcquire(TTL));
      const now = follow(creator.acquire(TTL, 0));
      await creator.close();
      await clock.advance(0);
      expect(trying.settled).toBe(true);
      expect(now.error).toBeDefined();
    });
    expect(unhandled).toEqual([]);
  });
});

describe('retries', () => {
  it('come after pauses that double from `backoff`, as many as asked, and then it is null', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const trying = follow(creator.tryAcquire(TTL, { retries: 4, backoff: 200 }));
    await clock.advance(1_499);
    expect(trying.settled).toBe(false);
    await clock.advance(1);
    expect(trying).toEqual({ settled: true, value: null });
    expect(tries).toEqual([0, 100, 300, 700, 1_500]);
    expect(clock.pending).toBe(0);
  });

  it('have a `backoff` of 100 ms by default, and pause at most 10 s', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const trying = follow(creator.tryAcquire(TTL, { retries: 9 }));
    await clock.advance(100_000);
    expect(trying).toEqual({ settled: true, value: null });
    const pauses = tries.slice(1).map((at, i) => at - (tries[i] ?? 0));
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  });

  it('have full jitter: every pause is anything up to its bound', async () => {
    const shares: number[] = [];
    for (let i = 0; i < 200; i++) {
      tries.length = 0;
      const trying = creator.tryAcquire(TTL, { retries: 1, backoff: 1_000 });
      await clock.advance(1_000);
      expect(await trying).toBeNull();
      shares.push((tries[1] ?? 0) - (tries[0] ?? 0));
    }
    expect(Math.min(...shares)).toBeLessThan(200);
    expect(Math.max(...shares)).toBeGreaterThan(800);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1_000);
  });

  it('take the lock as soon as it is found free, and end there', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const trying = follow(creator.tryAcquire(TTL, { retries: 10, backoff: 200 }));
    await clock.advance(150);
    await holder.release();
    await clock.advance(149);
    expect(trying.settled).toBe(false);
    await clock.advance(1);
    expect(await trying.value?.isHeld()).toBe(true);
    expect(tries).toEqual([0, 100, 300]);
    expect(clock.pending).toBe(0);
  });

  it('end at once with the reason when they are aborted in a pause', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const options = { retries: 10, backoff: 60_000, signal: controller.signal };
    const trying = follow(creator.tryAcquire(TTL, options));
    await clock.advance(0);
    expect(clock.pending).toBe(1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(reason);
    await clock.advance(0);
    expect(trying.error).toBe(reason);
    expect(clock.pending).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(tries).toEqual([0]);
  });

  it('end at once with the reason when they are aborted during a try that is refused', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    backend.answers.tryAcquire = async () => {
      controller.abort(reason);
      return null;
    };
    const options = { retries: 10, backoff: 60_000, signal: controller.signal };
    const trying = follow(creator.tryAcquire(TTL, options));
    await clock.advance(0);
    expect(trying.error).toBe(reason);
    expect(clock.pending).toBe(0);
  });

  it.each(['the creator', 'the client'])('end at once when %s is closed in a pause', async (which) => {
    const trying = follow(creator.tryAcquire(TTL, { retries: 10, backoff: 60_000 }));
    await clock.advance(0);
    expect(clock.pending).toBe(1);
    await (which === 'the client' ? client : creator).close();
    await clock.advance(0);
    expect(trying.error).toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    expect(tries).toEqual([0]);
    expect(clock.pending).toBe(0);
  });

  it('end at once when the creator is closed during a try that is refused', async () => {
    const closings: Promise<void>[] = [];
    backend.answers.tryAcquire = async () => {
      closings.push(creator.close());
      return null;
    };
    const trying = follow(creator.tryAcquire(TTL, { retries: 10, backoff: 60_000 }));
    await clock.advance(0);
    await Promise.all(closings);
    await clock.advance(0);
    expect(trying.error).toMatchObject({ code: 'ERR_LOCK_CLOSED' });
    expect(clock.pending).toBe(0);
  });

  it('go on when another creator of the client is closed', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const trying = follow(creator.tryAcquire(TTL, { retries: 1, backoff: 1_000 }));
    await clock.advance(0);
    await client.creator('orders:42').close();
    await clock.advance(999);
    expect(trying.settled).toBe(false);
    await clock.advance(1);
    expect(trying).toEqual({ settled: true, value: null });
  });
});

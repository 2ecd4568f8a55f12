import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { LockBackendError, LockClient, type LockCreator, type LockState } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { never, ScriptedBackend, unavailable } from './scripted-backend.ts';

const TTL = 10_000;

let clock: ManualClock;
let backend: ScriptedBackend;
let client: LockClient;
let creator: LockCreator;

beforeEach(() => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  client = new LockClient(backend);
  creator = client.creator('orders:42');
});

interface Seen {
  /** The fence of the holder in each state, or null. */
  readonly fences: (number | null)[];
  readonly states: LockState[];
  ended?: 'done' | { error: unknown };
}

function follow(states: AsyncIterable<LockState>): Seen {
  const seen: Seen = { fences: [], states: [] };
  const run = async (): Promise<void> => {
    for await (const state of states) {
      seen.states.push(state);
      seen.fences.push(state.holders[0]?.fencingToken ?? null);
    }
  };
  run().then(
    () => {
      seen.ended = 'done';
    },
    (error: unknown) => {
      seen.ended = { error };
    },
  );
  return seen;
}

function expectNothingLeft(): void {
  expect(backend.observing).toBe(0);
  expect(clock.pending).toBe(0);
}

describe('a watch', () => {
  it('yields the state of a free lock at once', async () => {
    const watch = creator.watch();
    expect(await watch.next()).toEqual({
      done: false,
      value: { name: 'orders:42', capacity: 1, holders: [], waiters: 0 },
    });
    expect(clock.pending).toBe(0);
    await watch.return?.();
    expectNothingLeft();
  });

  it('yields the state of a lock that is held at once', async () => {
    const lock = await creator.acquire(TTL);
    for await (const state of creator.watch()) {
      expect(state.holders).toMatchObject([{ owner: lock.owner, remainingTtl: TTL }]);
      break;
    }
    expectNothingLeft();
  });

  it('asks for nothing before it is first read', async () => {
    const watch = creator.watch();
    await clock.advance(0);
    expect(backend.calls).toEqual([]);
    await watch.return?.();
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expect(backend.calls).toEqual([]);
  });

  it('yields after every grant, release and handoff, with the waiters', async () => {
    const seen = follow(creator.watch());
    await clock.advance(0);
    const first = await creator.acquire(TTL);
    const waiting = creator.acquire(TTL);
    await clock.advance(0);
    await first.release();
    const second = await waiting;
    await second.release();
    await clock.advance(0);
    expect(seen.fences).toEqual([null, first.fencingToken, second.fencingToken, null]);
    expect(seen.states.map((state) => state.waiters)).toEqual([0, 0, 0, 0]);
    await client.close();
  });

  it('yields after a release by force', async () => {
    const lock = await creator.acquire(TTL);
    const seen = follow(creator.watch());
    await clock.advance(0);
    await creator.forceRelease();
    await clock.advance(0);
    expect(seen.fences).toEqual([lock.fencingToken, null]);
    await client.close();
  });

  it('yields after an expiry, of which nobody tells', async () => {
    const lock = await creator.acquire(TTL);
    const seen = follow(creator.watch());
    await clock.advance(TTL - 1);
    expect(seen.fences).toEqual([lock.fencingToken]);
    await clock.advance(10);
    expect(seen.fences).toEqual([lock.fencingToken, null]);
    expect(clock.pending).toBe(0);
    await client.close();
    expectNothingLeft();
  });

  it('yields after the expiry of a lease that was granted while it watched', async () => {
    const seen = follow(creator.watch());
    await clock.advance(0);
    const lock = await creator.acquire(TTL);
    await clock.advance(TTL + 10);
    expect(seen.fences).toEqual([null, lock.fencingToken, null]);
    await client.close();
    expectNothingLeft();
  });

  it('yields nothing for a refresh, and the expiry when it comes', async () => {
    const lock = await creator.acquire(TTL);
    const seen = follow(creator.watch());
    for (let i = 0; i < 5; i++) {
      await clock.advance(TTL / 2);
      await lock.refresh();
    }
    await clock.advance(TTL - 1);
    expect(seen.fences).toEqual([lock.fencingToken]);
    await clock.advance(10);
    expect(seen.fences).toEqual([lock.fencingToken, null]);
    await client.close();
    expectNothingLeft();
  });

  it('tells two watchers the same, and goes on for one when the other stops', async () => {
    const both = follow(creator.watch());
    const watch = creator.watch();
    const one = follow(watch);
    await clock.advance(0);
    const lock = await creator.acquire(TTL);
    await clock.advance(0);
    expect(backend.observing).toBe(2);
    await watch.return?.();
    expect(backend.observing).toBe(1);
    await lock.release();
    await clock.advance(0);
    expect(one.fences).toEqual([null, lock.fencingToken]);
    expect(one.ended).toBe('done');
    expect(both.fences).toEqual([null, lock.fencingToken, null]);
    await client.close();
    expect(both.ended).toBe('done');
    expectNothingLeft();
  });

  it('keeps 1 024 states for a slow consumer, and of more the latest', async () => {
    const watch = creator.watch();
    await watch.next();
    const fences: (number | null)[] = [];
    for (let i = 0; i < 600; i++) {
      const lock = await creator.acquire(TTL);
      fences.push(lock.fencingToken, null);
      await lock.release();
    }
    const kept: (number | null)[] = [];
    for (let i = 0; i < 1_024; i++) {
      const { value } = await watch.next();
      kept.push(value?.holders[0]?.fencingToken ?? null);
    }
    expect(kept).toEqual(fences.slice(-1_024));
    let more = false;
    const next = watch.next().then(({ done }) => {
      more = !done;
    });
    await clock.advance(0);
    await watch.return?.();
    await next;
    expect(more).toBe(false);
    expectNothingLeft();
  });
});

describe('a watch ends', () => {
  it('with a break, and leaves no watcher and no alarm', async () => {
    await creator.acquire(TTL);
    for await (const state of creator.watch()) {
      expect(state.holders).toHaveLength(1);
      expect(backend.observing).toBe(1);
      expect(clock.pending).toBe(1);
      break;
    }
    expectNothingLeft();
    await client.close();
  });

  it('with return() while next() is waiting', async () => {
    await creator.acquire(TTL);
    const watch = creator.watch();
    await watch.next();
    const next = watch.next();
    await clock.advance(0);
    expect(await watch.return?.()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expectNothingLeft();
  });

  it('with an abort, which throws the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await creator.acquire(TTL);
    const seen = follow(creator.watch({ signal: controller.signal }));
    await clock.advance(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(reason);
    await clock.advance(0);
    expect(seen.ended).toEqual({ error: reason });
    expect(seen.fences).toHaveLength(1);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expectNothingLeft();
  });

  it('with a break, after which an abort finds no listener', async () => {
    const { signal } = new AbortController();
    for await (const _ of creator.watch({ signal })) break;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it.each(['the creator', 'the client'])('with the close of %s, without an error', async (which) => {
    await client.creator('x').acquire(TTL);
    const seen = follow(creator.watch());
    const other = follow(client.creator('x').watch());
    await clock.advance(0);
    await (which === 'the client' ? client : creator).close();
    await clock.advance(0);
    expect(seen.ended).toBe('done');
    expect(other.ended).toBe(which === 'the client' ? 'done' : undefined);
    await client.close();
    await clock.advance(0);
    expectNothingLeft();
  });

  it.each(['an abort', 'the close of the client'])('with %s, also if nobody reads on', async (how) => {
    const controller = new AbortController();
    await client.creator('orders:42').acquire(TTL);
    const watch = creator.watch({ signal: controller.signal });
    await watch.next();
    expect(backend.observing).toBe(1);
    expect(clock.pending).toBe(1);
    if (how === 'an abort') controller.abort('enough');
    else await client.close();
    await clock.advance(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expectNothingLeft();
    if (how === 'an abort') await expect(watch.next()).rejects.toBe('enough');
    else expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  it('also when it is stopped before it is first read', async () => {
    const { signal } = new AbortController();
    const watch = creator.watch({ signal });
    await watch.return?.();
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expectNothingLeft();
  });

  it('with the error of a backend that cannot watch', async () => {
    backend.answers.watch = () => Promise.reject(unavailable());
    const seen = follow(creator.watch());
    await clock.advance(0);
    expect(seen.ended).toEqual({ error: expect.any(LockBackendError) });
    expectNothingLeft();
    await client.close();
  });

  it('with the error of a backend whose state cannot be read at first', async () => {
    backend.answers.watch = async () => ({
      check: () => Promise.reject(unavailable()),
      stop: () => Promise.resolve(),
    });
    const seen = follow(creator.watch());
    await clock.advance(0);
    expect(seen.ended).toEqual({ error: expect.any(LockBackendError) });
    expectNothingLeft();
  });
});

describe('a watch over a server that does not answer', () => {
  /** How the checks of the watch are answered, after the first. */
  let check: () => Promise<void>;
  let checks: number;

  beforeEach(async () => {
    checks = 0;
    backend.answers.watch = async (name, onChange) => {
      const observation = await backend.memory.watch(name, onChange);
      return { check: () => (checks++ === 0 ? observation.check() : check()), stop: observation.stop };
    };
    await creator.acquire(1_000);
  });

  it('asks again every 500 ms whether a lease has ended while it may answer again', async () => {
    check = () => Promise.reject(unavailable());
    const seen = follow(creator.watch());
    await clock.advance(1_002);
    expect(checks).toBe(2);
    await clock.advance(499);
    expect(checks).toBe(2);
    await clock.advance(1);
    expect(checks).toBe(3);
    await clock.advance(5_000);
    expect(checks).toBe(13);
    expect(seen.ended).toBeUndefined();
    await client.close();
    expectNothingLeft();
  });

  it('ends with the error if there is no hope', async () => {
    const error = new LockBackendError('denied', { reason: 'denied', retryable: false });
    check = () => Promise.reject(error);
    const seen = follow(creator.watch());
    await clock.advance(1_002);
    expect(seen.ended).toEqual({ error });
    expectNothingLeft();
  });

  it('leaves no alarm when a check fails that was under way as it ended', async () => {
    let fail: (error: Error) => void = () => {};
    check = () =>
      new Promise((_, reject) => {
        fail = reject;
      });
    const watch = creator.watch();
    const seen = follow(watch);
    await clock.advance(1_002);
    expect(checks).toBe(2);
    await watch.return?.();
    fail(unavailable());
    await clock.advance(0);
    expect(seen.ended).toBe('done');
    expectNothingLeft();
  });

  it.each(['to begin', 'to tell the first state'])('can be left before it was able %s', async (what) => {
    backend.answers.watch = async () => {
      if (what === 'to begin') return never();
      return { check: never, stop: () => Promise.resolve() };
    };
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = follow(creator.watch({ signal: controller.signal }));
    const closed = follow(creator.watch());
    await clock.advance(0);
    controller.abort(reason);
    await creator.close();
    await clock.advance(0);
    expect(aborted.ended).toEqual({ error: reason });
    expect(closed.ended).toBe('done');
    expectNothingLeft();
  });

  it('is stopped also when it begins only after it was left', async () => {
    let begin: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    backend.answers.watch = async (name, onChange) => {
      await begun;
      return backend.memory.watch(name, onChange);
    };
    const watch = creator.watch();
    const next = watch.next();
    await clock.advance(0);
    await watch.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    begin();
    await clock.advance(0);
    expectNothingLeft();
  });
});

import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  LockArgumentError,
  LockBackendError,
  LockClient,
  LockClosedError,
  LockLostError,
  LockTimeoutError,
  type MultiLock,
} from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ENGINES } from '../conformance/engines.ts';
import { never, ScriptedBackend, unavailable } from '../core/scripted-backend.ts';
import { rounds } from '../model/coverage.ts';
import { until, within } from '../support/wait.ts';
import { engineStage } from './engine-stage.ts';

const TTL = 10_000;
/** The TTL less the drift. */
const VALID = 9_898;

let clock: ManualClock;
let backend: ScriptedBackend;
let client: LockClient;
/** Somebody else, on the same locks. */
let other: LockClient;

beforeEach(() => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  client = new LockClient(backend);
  other = new LockClient(backend);
});

/** The names of the locks that somebody has, or waits for. */
async function inUse(...names: string[]): Promise<string[]> {
  const states = await Promise.all(names.map((name) => backend.memory.inspect(name)));
  return states.flatMap(({ name, holders, waiters }) => (holders.length + waiters > 0 ? [name] : []));
}

/** What became of a promise so far. */
function follow<T>(promise: Promise<T>): { error?: unknown; value?: T } {
  const seen: { error?: unknown; value?: T } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error: unknown) => {
      seen.error = error;
    },
  );
  return seen;
}

describe('several locks at once', () => {
  it('are taken in the order of their names, and known in the order in which they were asked for', async () => {
    const asked: string[] = [];
    backend.answers.acquire = ({ name }) => void asked.push(name) as undefined;
    const names = ['b', 'Z', 'ä', 'a', 'aa'];
    const locks = await client.acquireAll(names, TTL);
    expect(asked).toEqual(['Z', 'a', 'aa', 'b', 'ä']);
    expect(locks.names).toEqual(names);
    expect([...locks.fencingTokens.keys()]).toEqual(names);
    for (const [name, token] of locks.fencingTokens) {
      expect((await client.creator(name).inspect()).holders).toMatchObject([{ fencingToken: token }]);
    }
    expect(client.held).toHaveLength(5);
  });

  it('are in their group, and known without it', async () => {
    const locks = await client.acquireAll(['b', 'a'], TTL, 0, { group: 'tenant-7' });
    expect(locks.names).toEqual(['b', 'a']);
    expect(await inUse('a', 'b', 'tenant-7/a', 'tenant-7/b')).toEqual(['tenant-7/a', 'tenant-7/b']);
  });

  it('cost one request each, no timer and no subscription when they are free', async () => {
    await client.acquireAll(['a', 'b', 'c'], TTL);
    expect(backend.calls).toEqual(['acquire', 'acquire', 'acquire']);
    expect(clock.pending).toBe(0);
  });

  it('can be 1 000, no more and not none', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `n${index}`);
    const locks = await client.acquireAll(names, TTL);
    expect(locks.fencingTokens.size).toBe(1_000);
    await locks.release();
    expect(client.held).toEqual([]);
    await expect(client.acquireAll([...names, 'x'], TTL)).rejects.toMatchObject({ argument: 'names' });
    await expect(client.acquireAll([], TTL)).rejects.toMatchObject({ argument: 'names' });
  });

  it.each([
    ['names', ['ab', TTL]],
    ['names', [undefined, TTL]],
    ['names[1]', [['a', ''], TTL]],
    ['names[1]', [['a', 7], TTL]],
    ['names[2]', [['a', 'b', 'a'], TTL]],
    ['ttl', [['a'], 9]],
    ['waitTimeout', [['a'], TTL, -1]],
    ['options', [['a'], TTL, 0, 7]],
    ['signal', [['a'], TTL, 0, { signal: 7 }]],
    ['group', [['a'], TTL, 0, { group: 'a/b' }]],
    ['group/names[0]', [['a'.repeat(512)], TTL, 0, { group: 'g' }]],
  ])('are refused for a wrong %s', async (argument, args) => {
    const refused = await client.acquireAll(...(args as [string[], number])).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LockArgumentError);
    expect(refused).toMatchObject({ argument });
    expect(backend.calls).toEqual([]);
  });

  it('are all waited for within one timeout', async () => {
    await other.creator('a').acquire(4_000);
    await other.creator('c').acquire(8_000);
    const seen = follow(client.acquireAll(['c', 'b', 'a'], TTL, 6_000));
    await clock.advance(5_999);
    expect(await inUse('b')).toEqual(['b']);
    expect(seen).toEqual({});
    await clock.advance(1);
    expect(seen.error).toBeInstanceOf(LockTimeoutError);
    expect(seen.error).toMatchObject({ lockName: 'c', waited: 6_000 });
    expect((await backend.memory.inspect('c')).waiters).toBe(0);
    expect(await inUse('a', 'b', 'c')).toEqual(['c']);
    expect(client.held).toEqual([]);
  });

  it('are tried once each with a timeout of 0', async () => {
    const locks = await client.acquireAll(['a', 'c'], TTL, 0);
    expect(backend.calls).toEqual(['tryAcquire', 'tryAcquire']);
    const error = await client.acquireAll(['c', 'b'], TTL, 0).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_LOCK_TIMEOUT', lockName: 'c', waited: 0 });
    expect(await inUse('b')).toEqual([]);
    await locks.release();
  });

  it('are given back before the caller learns of an abort', async () => {
    await other.creator('b').acquire(TTL);
    const abort = new AbortController();
    const reason = new Error('the user has left');
    const released: boolean[] = [];
    const waiting = client
      .acquireAll(['a', 'b'], TTL, 5_000, { signal: abort.signal })
      .catch(async (error: unknown) => {
        released.push((await inUse('a')).length === 0);
        return error;
      });
    await clock.advance(0);
    expect(await inUse('a')).toEqual(['a']);
    abort.abort(reason);
    expect(await waiting).toBe(reason);
    expect(released).toEqual([true]);
    expect((await backend.memory.inspect('b')).waiters).toBe(0);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    expect(clock.pending).toBe(0);
    await expect(client.acquireAll(['a'], TTL, 0, { signal: abort.signal })).rejects.toBe(reason);
  });

  it('are given back when one cannot be had', async () => {
    const failure = unavailable();
    backend.answers.acquire = ({ name }) => (name === 'b' ? Promise.reject(failure) : undefined);
    await expect(client.acquireAll(['a', 'b', 'c'], TTL)).rejects.toBe(failure);
    expect(backend.calls).toEqual(['acquire', 'acquire', 'release']);
    expect(clock.pending).toBe(0);
  });

  it('keep nobody for more than a second when the server does not answer that they are given back', async () => {
    await other.creator('b').acquire(TTL);
    backend.answers.release = never;
    const seen = follow(client.acquireAll(['a', 'b'], TTL, 500));
    await clock.advance(500 + 999);
    expect(seen).toEqual({});
    await clock.advance(1);
    expect(seen.error).toBeInstanceOf(LockTimeoutError);
    expect(client.held).toEqual([]);
  });

  it('do not run out while others are waited for, and are fresh when all are there', async () => {
    const blocker = (await other.creator('c').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b', 'c'], TTL));
    await clock.advance(5 * TTL + 3_000);
    expect(await inUse('a', 'b', 'c')).toEqual(['a', 'b', 'c']);
    await blocker.release();
    await clock.advance(0);
    const locks = seen.value as MultiLock;
    expect(locks.remaining).toBeGreaterThan(VALID * 0.75);
    // From here on it is the caller who refreshes, and learns of a loss.
    for (const { signal } of client.held) expect(getEventListeners(signal, 'abort')).toEqual([]);
    backend.calls.length = 0;
    await clock.advance(VALID);
    expect(backend.count('refresh')).toBe(0);
    expect(locks.remaining).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('do not run out either when a name that was waited for is followed by others', async () => {
    const first = (await other.creator('b').acquire(TTL)).autoRefresh();
    const second = (await other.creator('d').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b', 'c', 'd'], TTL));
    await clock.advance(2 * TTL);
    await first.release();
    await clock.advance(2 * TTL);
    expect(await inUse('a', 'b', 'c', 'd')).toEqual(['a', 'b', 'c', 'd']);
    await second.release();
    await clock.advance(0);
    seen.value?.assertHeld();
    expect(client.held).toHaveLength(4);
  });

  it('are refused at once, and the wait ends, when one is lost meanwhile', async () => {
    await (await other.creator('b').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b'], TTL));
    const patient = follow(client.creator('b').acquire(TTL));
    await clock.advance(TTL / 2);
    await backend.memory.forceRelease('a');
    await clock.advance(0);
    expect(seen.error).toBeInstanceOf(LockLostError);
    expect(seen.error).toMatchObject({ lockName: 'a', reason: 'forced' });
    // The other wait of this client goes on.
    expect((await backend.memory.inspect('b')).waiters).toBe(1);
    expect(patient).toEqual({});
  });

  it('are refused at once when the one that was waited for is lost as it comes, while another is held', async () => {
    const blocker = (await other.creator('b').acquire(TTL)).autoRefresh();
    (await other.creator('c').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b', 'c'], TTL));
    await clock.advance(TTL);
    void blocker.release();
    void backend.memory.forceRelease('b');
    await clock.advance(0);
    expect(seen.error).toMatchObject({ lockName: 'b', reason: 'forced' });
    expect(await inUse('a', 'b')).toEqual([]);
    expect((await backend.memory.inspect('c')).waiters).toBe(0);
  });

  it('are refused when one is lost while the others are refreshed at the end', async () => {
    const blocker = (await other.creator('b').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b'], TTL));
    await clock.advance(3_000);
    let answer: (refreshed: boolean) => void = () => {};
    backend.answers.refresh = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await blocker.release();
    await clock.advance(0);
    await backend.memory.forceRelease('b');
    expect(seen).toEqual({});
    answer(true);
    await clock.advance(0);
    expect(seen.error).toMatchObject({ lockName: 'b', reason: 'forced' });
    expect(await inUse('a', 'b')).toEqual([]);
  });

  it('are refused when one was lost before anybody looked after it', async () => {
    await (await other.creator('b').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b'], TTL));
    await clock.advance(0);
    clock.stall(TTL);
    await clock.advance(0);
    expect(seen.error).toMatchObject({ lockName: 'a', reason: 'expired' });
    expect((await backend.memory.inspect('b')).waiters).toBe(0);
  });

  it('are refused when the last of them comes too late for the first', async () => {
    backend.answers.acquire = (request) => {
      if (request.name === 'b') clock.stall(TTL);
      return undefined;
    };
    await expect(client.acquireAll(['a', 'b'], TTL)).rejects.toMatchObject({ lockName: 'a' });
    expect(await inUse('a', 'b')).toEqual([]);
  });

  it('are refused when those that have aged cannot be refreshed at the end', async () => {
    const blocker = (await other.creator('b').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b'], TTL));
    await clock.advance(3_000);
    backend.answers.refresh = () => Promise.reject(unavailable());
    await blocker.release();
    await clock.advance(0);
    expect(seen.error).toBeInstanceOf(LockBackendError);
    expect(await inUse('a', 'b')).toEqual([]);
  });

  it.each([
    ['the timeout is over', {}, { code: 'ERR_LOCK_TIMEOUT', lockName: 'a', waited: 5_000 }],
    ['the caller gives up', { abortAt: 3_500 }, { name: 'AbortError' }],
  ])(
    'are given back when %s while those that have aged are refreshed at the end',
    async (_, { abortAt }: { abortAt?: number }, error) => {
      const blocker = (await other.creator('b').acquire(TTL)).autoRefresh();
      const controller = new AbortController();
      const seen = follow(client.acquireAll(['a', 'b'], TTL, 5_000, { signal: controller.signal }));
      await clock.advance(3_000);
      backend.answers.refresh = never;
      await blocker.release();
      const end = abortAt ?? 5_000;
      await clock.advance(end - 3_000 - 1);
      expect(seen).toEqual({});
      await clock.advance(1);
      if (abortAt !== undefined) controller.abort();
      await clock.advance(0);
      expect(seen.error).toMatchObject(error);
      expect(await inUse('a', 'b')).toEqual([]);
      expect(clock.pending).toBe(0);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    },
  );

  it('are waited for at the end, as long as that takes, by a single try', async () => {
    let answer: (refreshed: boolean) => void = () => {};
    backend.answers.refresh = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    backend.answers.tryAcquire = ({ name }) => {
      if (name === 'b') clock.stall(TTL / 2);
      return undefined;
    };
    const seen = follow(client.acquireAll(['a', 'b'], TTL, 0));
    await clock.advance(2_000);
    expect(seen).toEqual({});
    answer(true);
    await clock.advance(0);
    expect(seen.value?.remaining).toBeGreaterThan(TTL / 2);
  });

  it.each([0, 4_000])('are given back when the client is closed after %i ms of waiting', async (ms) => {
    await (await other.creator('b').acquire(TTL)).autoRefresh();
    const seen = follow(client.acquireAll(['a', 'b'], TTL));
    await clock.advance(ms);
    await client.close();
    await clock.advance(0);
    expect(seen.error).toBeInstanceOf(LockClosedError);
    expect(await inUse('a')).toEqual([]);
    // The other's refresh.
    expect(clock.pending).toBe(1);
    await expect(client.acquireAll(['a'], TTL)).rejects.toThrow(LockClosedError);
  });
});

describe('the handle of several locks', () => {
  let locks: MultiLock;
  beforeEach(async () => {
    locks = await client.acquireAll(['b', 'a', 'c'], TTL);
    backend.calls.length = 0;
  });

  it('has what remains of the one that ends first', async () => {
    expect(locks.remaining).toBe(VALID);
    await clock.advance(1_000);
    await client.held.find(({ name }) => name === 'a')?.refresh(60_000);
    expect(locks.remaining).toBe(VALID - 1_000);
    await locks.refresh();
    expect(locks.remaining).toBe(VALID);
  });

  it('is refreshed as a whole, with another TTL if asked', async () => {
    await locks.refresh(60_000);
    expect(backend.count('refresh')).toBe(3);
    expect([locks.ttl, locks.remaining]).toEqual([60_000, 60_000 - 602]);
    await expect(locks.refresh(9)).rejects.toThrow(LockArgumentError);
  });

  it('rejects a refresh with the loss if there is one, whatever else fails', async () => {
    backend.answers.refresh = async ({ name }) => {
      if (name === 'b') throw unavailable();
      return name === 'a';
    };
    await expect(locks.refresh()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', lockName: 'c' });
  });

  it('is refreshed automatically until the release', async () => {
    expect(locks.autoRefresh()).toBe(locks);
    await clock.advance(5 * TTL);
    locks.assertHeld();
    await locks.release();
    expect(clock.pending).toBe(0);
    expect(await inUse('a', 'b', 'c')).toEqual([]);
  });

  it('is refreshed no longer than it may be held', async () => {
    locks.autoRefresh({ maxHold: TTL });
    await clock.advance(3 * TTL);
    expect(() => locks.assertHeld()).toThrow(LockLostError);
    expect(() => locks.autoRefresh()).toThrow(LockLostError);
  });

  it('has a signal that aborts when one is lost, while the others stay until the release', async () => {
    const { signal } = locks;
    expect(locks.signal).toBe(signal);
    expect(backend.listening).toBe(3);
    await backend.memory.forceRelease('a');
    expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', lockName: 'a', reason: 'forced' });
    expect(locks.remaining).toBe(0);
    expect(() => locks.assertHeld()).toThrow(signal.reason);
    expect(await inUse('a', 'b', 'c')).toEqual(['b', 'c']);
    await expect(locks.release()).rejects.toBe(signal.reason);
    await expect(locks.release()).rejects.toBe(signal.reason);
    expect(await inUse('a', 'b', 'c')).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(backend.listening).toBe(0);
  });

  it('has a signal that is aborted already when one was lost before', async () => {
    clock.stall(VALID);
    expect(locks.signal.reason).toMatchObject({ reason: 'expired' });
  });

  it('is released once, however often it is asked', async () => {
    const { signal } = locks;
    await Promise.all([locks.release(), locks.release(), locks[Symbol.asyncDispose]()]);
    expect(backend.count('release')).toBe(3);
    expect(signal.aborted).toBe(false);
    expect(locks.remaining).toBe(0);
    expect(() => locks.assertHeld()).toThrow(LockClosedError);
    await expect(locks.refresh()).rejects.toThrow(LockClosedError);
  });

  it('rejects a release when all is done, with a loss before any other failure', async () => {
    let tell: (released: boolean) => void = () => {};
    backend.answers.release = ({ name }) => {
      if (name === 'b') return Promise.reject(unavailable());
      if (name === 'a') return Promise.resolve(false);
      return new Promise((resolve) => {
        tell = resolve;
      });
    };
    const seen = follow(locks.release());
    await clock.advance(0);
    expect(seen).toEqual({});
    tell(true);
    await clock.advance(0);
    expect(seen.error).toMatchObject({ code: 'ERR_LOCK_LOST', lockName: 'a' });
  });

  it('rejects a release that the server does not answer', async () => {
    backend.answers.release = () => Promise.reject(unavailable());
    await expect(locks.release()).rejects.toThrow(LockBackendError);
  });

  it('is released at the close of the client', async () => {
    await client.close();
    expect(await inUse('a', 'b', 'c')).toEqual([]);
    await locks.release();
  });
});

describe.each(ENGINES)('several locks on $title', (engine) => {
  const stage = engineStage(engine);
  const names = (...short: string[]) => short.map((name) => `${stage.name}-${name}`);

  it('never wait for each other in a circle, whatever their order', async () => {
    const orders = [names('a', 'b', 'c'), names('c', 'b', 'a'), names('b', 'c', 'a')];
    let inside = 0;
    const work = orders.map(async (order) => {
      const client = stage.client();
      for (let round = 0; round < 5; round++) {
        const locks = await client.acquireAll(order, 30_000, 20_000);
        expect(++inside).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        await locks.release();
      }
    });
    await within(25_000, 'all to have had their turn', () => Promise.all(work));
  });

  it('are all or nothing, and the others get what was given back', async () => {
    const [a, b] = names('a', 'b') as [string, string];
    const holder = await stage.client().creator(b).acquire(30_000);
    const unlucky = stage.client();
    const waiting = unlucky.acquireAll([b, a], 30_000, 500);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', lockName: b });
    await until(() => unlucky.held.length === 1, { what: 'the first' });
    const next = stage.client().creator(a).acquire(30_000, 20_000);
    await refused;
    expect((await next).name).toBe(a);
    expect(unlucky.held).toEqual([]);
    await holder.release();
  });

  it('are kept beyond their TTL while one of them is waited for', async () => {
    const [a, b] = names('a', 'b') as [string, string];
    const holder = await stage.client().creator(b).acquire(30_000);
    const observer = stage.client();
    const waiting = stage.client().acquireAll([a, b], 600, 20_000);
    await until(() => observer.creator(a).isLocked(), { what: 'the first' });
    await expect(observer.creator(a).acquire(1_000, 1_300)).rejects.toThrow(LockTimeoutError);
    await holder.release();
    const locks = await waiting;
    expect(locks.remaining).toBeGreaterThan(0);
    await locks.release();
  });
});

const TASKS = fc.array(
  fc.record({
    client: fc.nat(2),
    names: fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e'], { minLength: 1 }),
    waitTimeout: fc.constantFrom(0, 5, 20_000, Number.POSITIVE_INFINITY),
    /** After how many turns of the event loop it gives up; null for never. */
    patience: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, fc.nat(10)),
    hold: fc.nat(3),
  }),
  { minLength: 2, maxLength: 12 },
);

const properties = ENGINES.filter((engine) => ['memory', 'redis'].includes(engine.folder)).slice(0, 2);

describe.each(properties)('random sets of locks on $title', (engine) => {
  const stage = engineStage(engine);

  it('are all had sooner or later, each name by one at a time, and left free', async () => {
    const clients = [stage.client(), stage.client(), stage.client()];
    let had = 0;
    let run = 0;
    const property = fc.asyncProperty(TASKS, async (tasks) => {
      const group = `run-${run++}`;
      const inside = new Map<string, number>();
      const enter = (names: readonly string[], by: number): void => {
        for (const name of names) {
          inside.set(name, (inside.get(name) ?? 0) + by);
          expect(inside.get(name)).toBeLessThanOrEqual(1);
        }
      };
      const work = tasks.map(async ({ client, names, waitTimeout, patience, hold }) => {
        const abort = new AbortController();
        const asked = clients[client]!.acquireAll(names, 60_000, waitTimeout, {
          signal: abort.signal,
          group,
        });
        if (patience !== null) void turns(patience).then(() => abort.abort('gave up'));
        const locks = await asked.catch((error: unknown) => {
          // On a slow machine the server does not answer within 5 ms.
          const late = waitTimeout === 5 && error instanceof LockBackendError;
          if (error !== 'gave up' && !(error instanceof LockTimeoutError || late)) throw error;
        });
        if (!locks) return;
        had += 1;
        enter(names, 1);
        await turns(hold);
        enter(names, -1);
        await locks.release();
      });
      await within(10_000, 'all to have had their turn', () => Promise.all(work));
      await until(() => clients.every(({ held }) => held.length === 0), { what: 'nothing to be held' });
      for (const name of ['a', 'b', 'c', 'd', 'e']) {
        const creator = clients[0]!.creator(name, { group });
        const free = async () => {
          const { holders, waiters } = await creator.inspect();
          return holders.length + waiters === 0;
        };
        await until(free, { what: `${name} to be free` });
      }
    });
    await rounds(
      () => fc.assert(property, { numRuns: 40, endOnFailure: true }),
      () => had > 100,
    );
  }, 120_000);
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

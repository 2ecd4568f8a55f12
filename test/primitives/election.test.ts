import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Election,
  type Leader,
  type Leadership,
  LockArgumentError,
  LockBackendError,
  LockClient,
  LockClosedError,
  LockLostError,
} from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ENGINES } from '../conformance/engines.ts';
import { ScriptedBackend, unavailable } from '../core/scripted-backend.ts';
import { until } from '../support/wait.ts';
import { engineStage } from './engine-stage.ts';

const TTL = 10_000;

let clock: ManualClock;
let backend: ScriptedBackend;
let client: LockClient;
let election: Election;
/** Another candidate. */
let rival: Election;

beforeEach(() => {
  clock = new ManualClock();
  backend = new ScriptedBackend(clock);
  client = new LockClient(backend);
  election = client.election('boss');
  rival = new LockClient(backend).election('boss');
});

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

/** The fences of those who led, or null. */
function followLeaders(leaders: AsyncIterable<Leader | null>): (number | null)[] {
  const fences: (number | null)[] = [];
  const run = async (): Promise<void> => {
    for await (const leader of leaders) fences.push(leader?.fencingToken ?? null);
  };
  run().catch(() => {});
  return fences;
}

/** Resolves when the signal aborts, with its reason. */
function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener('abort', () => resolve(signal.reason));
  });
}

describe('a candidate', () => {
  it('leads at once when nobody does, until it resigns', async () => {
    const leadership = await election.campaign({ ttl: TTL });
    expect(leadership.name).toBe('boss');
    expect((await backend.memory.inspect('boss')).holders).toMatchObject([
      { owner: leadership.owner, fencingToken: leadership.fencingToken },
    ]);
    await clock.advance(5 * TTL);
    expect(leadership.signal.aborted).toBe(false);
    await Promise.all([leadership.resign(), leadership.resign(), leadership[Symbol.asyncDispose]()]);
    expect(backend.count('release')).toBe(1);
    expect((await backend.memory.inspect('boss')).holders).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('waits in line until the leader resigns', async () => {
    const first = await rival.campaign({ ttl: TTL });
    const seen = follow(election.campaign({ ttl: TTL }));
    await clock.advance(3 * TTL);
    expect(seen).toEqual({});
    await first.resign();
    await clock.advance(0);
    expect(seen.value?.fencingToken).toBeGreaterThan(first.fencingToken);
  });

  it('is the holder of the lock of the same name, with its group', async () => {
    const grouped = client.election('boss', { group: 'tenant-7' });
    expect(grouped.name).toBe('tenant-7/boss');
    const { owner } = await grouped.campaign({ ttl: TTL });
    expect(await client.creator('boss', { group: 'tenant-7' }).owner()).toBe(owner);
    expect(await client.creator('boss').isLocked()).toBe(false);
  });

  it('learns that it has lost the leadership', async () => {
    const leadership = await election.campaign({ ttl: TTL });
    const { signal } = leadership;
    await backend.memory.forceRelease('boss');
    expect(signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'forced' });
    await expect(leadership.resign()).rejects.toBe(signal.reason);
  });

  it('stops waiting when the signal aborts, with its reason', async () => {
    await rival.campaign({ ttl: TTL });
    const abort = new AbortController();
    const seen = follow(election.campaign({ ttl: TTL, signal: abort.signal }));
    await clock.advance(0);
    abort.abort('enough');
    await clock.advance(0);
    expect(seen.error).toBe('enough');
    expect((await backend.memory.inspect('boss')).waiters).toBe(0);
  });

  it('is refused for wrong arguments', async () => {
    const wrong = async (work: () => unknown, argument: string): Promise<void> => {
      const error = await Promise.resolve()
        .then(work)
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LockArgumentError);
      expect(error).toMatchObject({ argument });
    };
    await wrong(() => client.election(''), 'name');
    await wrong(() => client.election('boss', { group: '/' }), 'group');
    for (const act of ['campaign', 'run'] as const) {
      const call = (options: unknown) =>
        act === 'run' ? election.run(() => 1, options as never) : election.campaign(options as never);
      await wrong(() => call(undefined), 'ttl');
      await wrong(() => call({}), 'ttl');
      await wrong(() => call(7), 'options');
      await wrong(() => call({ ttl: TTL, signal: 7 }), 'signal');
    }
    await wrong(() => election.run(7 as never, { ttl: TTL }), 'task');
    await wrong(() => election.observe({ signal: 7 } as never), 'signal');
    expect(backend.calls).toEqual([]);
  });
});

describe('an observer', () => {
  it('is told who leads now, and then of each change', async () => {
    const first = await rival.campaign({ ttl: TTL });
    const leaders = election.observe();
    expect(await leaders.next()).toEqual({
      done: false,
      value: {
        owner: first.owner,
        client: first.owner.split(':')[0],
        fencingToken: first.fencingToken,
      },
    });
    const fences = followLeaders(leaders);
    const next = election.campaign({ ttl: TTL });
    await clock.advance(2 * TTL);
    expect(fences).toEqual([]);
    await first.resign();
    const second = await next;
    await second.resign();
    await clock.advance(0);
    expect(fences).toEqual([second.fencingToken, null]);
    await client.close();
  });

  it('is told that nobody leads', async () => {
    const leaders = election.observe();
    expect(await leaders.next()).toEqual({ done: false, value: null });
    expect(await leaders.return?.()).toEqual({ done: true, value: undefined });
    expect(await leaders.next()).toEqual({ done: true, value: undefined });
    expect(backend.observing).toBe(0);
  });

  it('can leave while it waits for a change', async () => {
    const leaders = election.observe();
    await leaders.next();
    const next = leaders.next();
    await clock.advance(0);
    await leaders.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(backend.observing).toBe(0);
  });

  it('leaves when the signal aborts, with its reason, and at the close of the client', async () => {
    const abort = new AbortController();
    const patient = election.observe();
    const impatient = election.observe({ signal: abort.signal });
    await Promise.all([patient.next(), impatient.next()]);
    const [ended, failed] = [follow(patient.next()), follow(impatient.next())];
    await clock.advance(0);
    abort.abort('enough');
    await clock.advance(0);
    expect(failed.error).toBe('enough');
    expect(ended).toEqual({});
    await client.close();
    await clock.advance(0);
    expect(ended.value).toEqual({ done: true, value: undefined });
    await expect(election.observe().next()).rejects.toThrow(LockClosedError);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });
});

describe('a task that is run by the leader', () => {
  it('is run once this candidate leads, and its result is that of the run', async () => {
    const first = await rival.campaign({ ttl: TTL });
    const led: Leadership[] = [];
    const seen = follow(
      election.run(
        async (leadership) => {
          led.push(leadership);
          await new Promise<void>((resolve) => clock.callAt(clock.now() + 3 * TTL, resolve));
          return 'done';
        },
        { ttl: TTL },
      ),
    );
    await clock.advance(2 * TTL);
    expect(led).toEqual([]);
    await first.resign();
    await clock.advance(2 * TTL);
    expect(led[0]?.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(seen).toEqual({});
    await clock.advance(2 * TTL);
    expect(seen.value).toBe('done');
    expect(led).toHaveLength(1);
    expect((await backend.memory.inspect('boss')).holders).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(backend.listening).toBe(0);
  });

  it('ends the run with its error, and the leadership', async () => {
    const failure = new Error('the task has failed');
    await expect(election.run(() => Promise.reject(failure), { ttl: TTL })).rejects.toBe(failure);
    const thrown = () => {
      throw failure;
    };
    await expect(election.run(thrown, { ttl: TTL })).rejects.toBe(failure);
    expect((await backend.memory.inspect('boss')).holders).toEqual([]);
  });

  it.each(['returns', 'throws the reason', 'throws something else'])(
    'is run anew after a loss, when it has ended and this candidate leads again: the one that %s',
    async (how) => {
      const events: string[] = [];
      const tokens: number[] = [];
      const seen = follow(
        election.run(
          async ({ signal, fencingToken }) => {
            tokens.push(fencingToken);
            events.push('begins');
            if (tokens.length === 2) return 'done';
            const reason = await aborted(signal);
            events.push('is told');
            expect(reason).toBeInstanceOf(LockLostError);
            await new Promise<void>((resolve) => clock.callAt(clock.now() + 100, resolve));
            events.push('ends');
            if (how === 'returns') return 'too late';
            throw how === 'throws the reason' ? reason : new Error('broken off');
          },
          { ttl: TTL },
        ),
      );
      await clock.advance(1_000);
      await backend.memory.forceRelease('boss');
      const usurper = await rival.campaign({ ttl: TTL });
      await clock.advance(99);
      expect(events).toEqual(['begins', 'is told']);
      // Whoever cannot begin yet must not stand in the way of others.
      expect((await backend.memory.inspect('boss')).waiters).toBe(0);
      await clock.advance(1_000);
      expect(events).toEqual(['begins', 'is told', 'ends']);
      expect((await backend.memory.inspect('boss')).waiters).toBe(1);
      await usurper.resign();
      await clock.advance(0);
      expect(events).toEqual(['begins', 'is told', 'ends', 'begins']);
      expect(seen.value).toBe('done');
      expect(tokens[1]).toBeGreaterThan(usurper.fencingToken);
      expect(clock.pending).toBe(0);
    },
  );

  it.each(['has failed', 'has come to a result'])(
    'is run anew when only the release tells that it %s without leading',
    async (how) => {
      let runs = 0;
      const task = async () => {
        runs += 1;
        if (runs === 2) return 'done';
        backend.answers.release = async (grant) => {
          backend.answers = {};
          return !(await backend.memory.release(grant));
        };
        if (how === 'has failed') throw new Error('refused: a lower fencing token');
        return 'while another led';
      };
      expect(await election.run(task, { ttl: TTL })).toBe('done');
    },
  );

  it('has its result although the server cannot be told of the end', async () => {
    backend.answers.release = () => Promise.reject(unavailable());
    expect(await election.run(() => 42, { ttl: TTL })).toBe(42);
    const failure = new Error('the task has failed');
    await expect(client.election('other').run(() => Promise.reject(failure), { ttl: TTL })).rejects.toBe(
      failure,
    );
  });

  it('is run anew after it was stalled beyond the lease, although it noticed nothing', async () => {
    let runs = 0;
    const run = async () => {
      runs += 1;
      if (runs === 1) clock.stall(TTL);
      return runs;
    };
    expect(await election.run(run, { ttl: TTL })).toBe(2);
  });

  it('waits for a server that cannot be asked, and gives up where there is no hope', async () => {
    backend.answers.acquire = () => Promise.reject(unavailable());
    const seen = follow(election.run(() => 'led', { ttl: TTL }));
    await clock.advance(60_000);
    expect(seen).toEqual({});
    // Pauses of up to a second.
    expect(backend.count('acquire')).toBeGreaterThan(60);
    expect(backend.count('acquire')).toBeLessThan(1_000);
    backend.answers = {};
    await clock.advance(1_000);
    expect(seen.value).toBe('led');
    const hopeless = new LockBackendError('denied', { reason: 'denied', retryable: false });
    backend.answers.acquire = () => Promise.reject(hopeless);
    await expect(election.run(() => 'led', { ttl: TTL })).rejects.toBe(hopeless);
  });

  it('is told by its signal when the caller aborts, and has the last word', async () => {
    const abort = new AbortController();
    const task = async ({ signal }: Leadership): Promise<string> => {
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
      return `ended by ${await aborted(signal)}`;
    };
    const seen = follow(election.run(task, { ttl: TTL, signal: abort.signal }));
    await clock.advance(0);
    abort.abort('the caller');
    await clock.advance(0);
    expect(seen.value).toBe('ended by the caller');
    expect((await backend.memory.inspect('boss')).holders).toEqual([]);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    await expect(election.run(task, { ttl: TTL, signal: abort.signal })).rejects.toBe('the caller');
  });

  it.each(['waits', 'pauses'])('ends with the reason when the caller aborts while it %s', async (how) => {
    if (how === 'waits') await rival.campaign({ ttl: TTL });
    else backend.answers.acquire = () => Promise.reject(unavailable());
    const abort = new AbortController();
    const seen = follow(election.run(() => 'led', { ttl: TTL, signal: abort.signal }));
    await clock.advance(30);
    abort.abort('the caller');
    await clock.advance(0);
    expect(seen.error).toBe('the caller');
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  it('is told by its signal of the close of the client', async () => {
    const seen = follow(
      election.run(
        async ({ signal }) => {
          throw await aborted(signal);
        },
        { ttl: TTL },
      ),
    );
    await clock.advance(0);
    await client.close();
    await clock.advance(0);
    expect(seen.error).toBeInstanceOf(LockClosedError);
    await expect(election.run(() => 1, { ttl: TTL })).rejects.toThrow(LockClosedError);
    expect(clock.pending).toBe(0);
  });

  it('is not begun when the client is closed as it is elected', async () => {
    let begun = false;
    const seen = follow(
      election.run(
        () => {
          begun = true;
        },
        { ttl: TTL },
      ),
    );
    void client.close();
    await clock.advance(0);
    expect(seen.error).toBeInstanceOf(LockClosedError);
    expect(begun).toBe(false);
  });

  it('is told nothing any more when it has ended', async () => {
    let signal: AbortSignal | undefined;
    await election.run(
      (leadership) => {
        signal = leadership.signal;
      },
      { ttl: TTL },
    );
    await client.close();
    expect(signal?.aborted).toBe(false);
  });

  it('may resign by itself', async () => {
    const run = election.run(
      async (leadership) => {
        await leadership.resign();
        return 'resigned';
      },
      { ttl: TTL },
    );
    expect(await run).toBe('resigned');
    expect(backend.count('acquire')).toBe(1);
  });
});

describe.each(ENGINES)('an election on $title', (engine) => {
  const stage = engineStage(engine);
  const election = (): Election => stage.client().election(stage.name);

  it('has one leader after the other, and observers see each', async () => {
    const fences = followLeaders(election().observe());
    await until(() => fences.length === 1, { what: 'the first look' });
    const led: number[] = [];
    const candidates = Array.from({ length: 3 }, async () => {
      await using leadership = await election().campaign({ ttl: 30_000 });
      led.push(leadership.fencingToken);
      await until(() => fences.at(-1) === leadership.fencingToken, { what: 'the news' });
      expect(leadership.signal.aborted).toBe(false);
    });
    await Promise.all(candidates);
    await until(() => fences.at(-1) === null, { what: 'the end' });
    expect(led).toEqual([...led].sort((a, b) => a - b));
    expect(fences.filter((fence) => fence !== null)).toEqual(led);
  });

  it('has a new leader when the lease of one was lost, and the task is run anew', async () => {
    const runs: number[] = [];
    const running = election().run(
      async ({ signal, fencingToken }) => {
        runs.push(fencingToken);
        if (runs.length === 2) return 'done';
        throw await aborted(signal);
      },
      { ttl: 3_000 },
    );
    await until(() => runs.length === 1, { what: 'the first run' });
    expect(await stage.creator().forceRelease()).toBe(true);
    expect(await running).toBe('done');
    expect(runs[1]).toBeGreaterThan(runs[0]!);
    expect(await stage.creator().isLocked()).toBe(false);
  });
});

import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LockClient, redisBackend } from '../../src/index.ts';
import { AdaptiveSpin } from '../../src/redis/adaptive-spin.ts';
import { CommandLink } from '../../src/redis/command-link.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ownRedis } from '../support/own-redis.ts';
import { scripts } from '../support/scripts.ts';

/** Calls that follow each other at once are so many ms apart. */
const AT_ONCE = 0.1;
const RUN_UP = 8;
const MOST_TURNS = 100;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await turn();
};

/** A spin, with the calls that it is told of. */
class Caller {
  underWay = 0;
  /** How often it was looked whether there is an answer: once in a turn of the event loop while it stays awake. */
  looks = 0;
  readonly spin = new AdaptiveSpin(() => {
    this.looks += 1;
    return this.underWay;
  });
  #now = 1_000;

  /** One call, not answered yet. */
  call(apartMs = AT_ONCE): void {
    this.#now += apartMs;
    this.underWay = 1;
    this.spin.start(this.#now);
  }

  answer(): void {
    this.underWay = 0;
  }

  /** Calls that are answered in the same turn. */
  calls(count: number, apartMs = AT_ONCE): void {
    for (let i = 0; i < count; i++) {
      this.call(apartMs);
      this.answer();
    }
  }

  /** Whether the next call is waited for awake. It is answered after two turns. */
  async tries(apartMs = AT_ONCE): Promise<boolean> {
    const before = this.looks;
    this.call(apartMs);
    await turns(2);
    this.answer();
    await turn();
    return this.looks > before;
  }
}

describe('staying awake for an answer', () => {
  it('begins when some calls have followed each other at once', async () => {
    const caller = new Caller();
    // The first call of all comes long after nothing.
    caller.calls(1);
    for (let i = 0; i < RUN_UP; i++) expect(await caller.tries(), `call ${i}`).toBe(false);
    expect(await caller.tries()).toBe(true);
    expect(await caller.tries()).toBe(true);
  });

  it('goes on in each turn until there is the answer', async () => {
    const caller = new Caller();
    caller.calls(1 + RUN_UP);
    caller.call();
    await turns(20);
    expect(caller.looks).toBeGreaterThan(15);
    caller.answer();
    await turn();
    const { looks } = caller;
    await turns(5);
    expect(caller.looks).toBe(looks);
  });

  it('goes on for as long again with a call that follows at once', async () => {
    const caller = new Caller();
    caller.calls(1 + RUN_UP);
    for (let i = 0; i < 3; i++) {
      caller.call();
      await turns(MOST_TURNS / 2);
      caller.answer();
    }
    expect(caller.looks).toBeGreaterThan(MOST_TURNS);
  });

  it('ends when another call is sent before the answer', async () => {
    const caller = new Caller();
    caller.calls(1 + RUN_UP);
    caller.call();
    await turn();
    caller.underWay = 2;
    await turns(2);
    const { looks } = caller;
    await turns(5);
    expect(caller.looks).toBe(looks);
  });

  it('does not begin where calls come one now and then', async () => {
    const caller = new Caller();
    for (let i = 0; i < 3 * RUN_UP; i++) expect(await caller.tries(1)).toBe(false);
    // An acquire, its release, and a pause.
    for (let i = 0; i < 3 * RUN_UP; i++) {
      expect(await caller.tries(1)).toBe(false);
      expect(await caller.tries()).toBe(false);
    }
  });

  it('ends after a while, and the more calls go without the more often it was in vain', async () => {
    const caller = new Caller();
    caller.calls(1 + RUN_UP);
    for (const without of [1, 3, 7, 15, 31, 63, 127, 255, 511, 511, 511]) {
      const { looks } = caller;
      caller.call();
      await turns(MOST_TURNS + 10);
      expect(caller.looks - looks).toBeGreaterThan(MOST_TURNS / 2);
      expect(caller.looks - looks).toBeLessThanOrEqual(MOST_TURNS);
      caller.answer();
      const after = caller.looks;
      caller.calls(without);
      await turn();
      expect(caller.looks).toBe(after);
    }
  });

  it('counts as in vain when the processor was with others for long', async () => {
    const caller = new Caller();
    caller.calls(1 + RUN_UP);
    caller.call();
    await turn();
    caller.answer();
    // It follows at once, but a whole ms has passed meanwhile.
    caller.call(1);
    await turn();
    const { looks } = caller;
    caller.answer();
    // Far more than after an answer that took too long.
    caller.calls(63);
    await turns(2);
    expect(caller.looks).toBe(looks);
    expect(await caller.tries()).toBe(true);
  });

  it('forgets what was in vain when it has paid often enough', async () => {
    const caller = new Caller();
    caller.calls(1 + RUN_UP);
    const fail = async () => {
      caller.call();
      await turns(MOST_TURNS + 10);
      caller.answer();
    };
    await fail();
    caller.calls(1);
    // Of these the first begins, and each other follows at once.
    caller.calls(1 + 24);
    await turns(2);
    await fail();
    expect(await caller.tries()).toBe(false);
    expect(await caller.tries()).toBe(true);
  });

  it('is left off for some calls when somebody had to queue', async () => {
    const caller = new Caller();
    caller.calls(1 + RUN_UP);
    caller.spin.rest();
    for (let i = 0; i < 16; i++) expect(await caller.tries(), `call ${i}`).toBe(false);
    expect(await caller.tries()).toBe(true);
  });
});

describe('a connection', async () => {
  const { redis } = await ownRedis();
  const start = vi.spyOn(AdaptiveSpin.prototype, 'start');
  const rest = vi.spyOn(AdaptiveSpin.prototype, 'rest');
  beforeEach(() => void vi.clearAllMocks());

  it('stays awake for what is sent by itself', () => {
    const link = new CommandLink(redis, new ManualClock(), 5_000, true);
    const call = { script: scripts.release, args: ['k', 'k:queue', 'nobody'], lockName: 'k' };
    const caller = { answered: () => {}, failed: () => {} };
    link.send(call, Number.POSITIVE_INFINITY, caller);
    expect(start).toHaveBeenCalledTimes(1);
    link.send(call, Number.POSITIVE_INFINITY, caller);
    expect(start).toHaveBeenCalledTimes(1);
    link.close();
  });

  it('does not for what nobody is in a hurry for', async () => {
    const link = new CommandLink(redis, new ManualClock(), 5_000, true);
    await link.run({ script: scripts.release, args: ['k', 'k:queue', 'nobody'], lockName: 'k' });
    expect(start).not.toHaveBeenCalled();
    link.close();
  });

  it('does so for acquires and releases, unless told not to', async () => {
    for (const spin of [true, false]) {
      const client = new LockClient(redisBackend(redis, { spin }));
      const lock = await client.creator('alone').acquire(10_000);
      await lock.refresh();
      await lock.release();
      expect(start).toHaveBeenCalledTimes(spin ? 2 : 0);
      await client.close();
      start.mockClear();
    }
  });

  it('rests when somebody has to queue', async () => {
    const client = new LockClient(redisBackend(redis, { spin: true }));
    const lock = await client.creator('contended').acquire(10_000);
    expect(rest).not.toHaveBeenCalled();
    const next = client.creator('contended').acquire(10_000, 5_000);
    await vi.waitFor(() => expect(rest).toHaveBeenCalled());
    await lock.release();
    await (await next).release();
    await client.close();
  });

  it('takes true or false for an answer, and nothing else', () => {
    const options = { spin: 1 as unknown as boolean };
    expect(() => redisBackend(redis, options)).toThrow(
      expect.objectContaining({ name: 'LockArgumentError', argument: 'spin' }),
    );
  });
});

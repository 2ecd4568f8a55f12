import { afterEach, describe, expect, it, vi } from 'vitest';
import { acquires, losses, pokes, refreshes, releases, resumptions } from '../../src/core/diagnostics.ts';
import { LockClient } from '../../src/index.ts';
import { ENGINES } from '../conformance/engines.ts';
import { Recorder } from './recorder.ts';

const traced = vi.hoisted(() => ({ calls: [] as string[] }));

// All that is ever made for a listener is made in this module.
vi.mock('../../src/core/tracing.ts', async (importOriginal) => {
  const original = await importOriginal<Record<string, (...given: unknown[]) => unknown>>();
  const spied = Object.entries(original).map(([name, call]) => [
    name,
    (...given: unknown[]) => {
      traced.calls.push(name);
      return call(...given);
    },
  ]);
  return Object.fromEntries(spied);
});

const OPERATIONS = { acquires, releases, refreshes, resumptions };

afterEach(() => {
  vi.restoreAllMocks();
  traced.calls.length = 0;
});

/** How often each channel is asked whether anybody listens. */
function countLooks(): Record<string, number> {
  const looks: Record<string, number> = {};
  for (const [name, channel] of Object.entries(OPERATIONS)) {
    looks[name] = 0;
    vi.spyOn(channel, 'hasSubscribers', 'get').mockImplementation(() => {
      looks[name] = (looks[name] ?? 0) + 1;
      return false;
    });
  }
  return looks;
}

const EACH = ENGINES.filter(({ folder }, index) => ENGINES.findIndex((e) => e.folder === folder) === index);

describe.each(EACH)('on $folder, while nobody listens', ({ start }) => {
  it('a free lock is taken and released with one look each, and nothing is made to be told', async () => {
    const fixture = await start();
    const client = new LockClient(fixture.connect());
    const creator = client.creator('free');
    await (await creator.acquire(10_000)).release();
    const looks = countLooks();
    await (await creator.acquire(10_000)).release();
    expect(looks).toEqual({ acquires: 1, releases: 1, refreshes: 0, resumptions: 0 });
    const tried = await creator.tryAcquire(10_000);
    await tried?.refresh();
    await tried?.release();
    expect(looks).toEqual({ acquires: 2, releases: 2, refreshes: 1, resumptions: 0 });
    expect(traced.calls).toEqual([]);
    await client.close();
    await fixture.stop();
  });

  it('nothing is published, whatever happens', async () => {
    const fixture = await start();
    const [one, two] = [new LockClient(fixture.connect()), new LockClient(fixture.connect())];
    const published: unknown[] = [];
    const spy = (channel: { publish(message: unknown): void }) =>
      vi.spyOn(channel, 'publish').mockImplementation((message) => void published.push(message));
    for (const { start: begun, end, asyncStart, asyncEnd, error } of Object.values(OPERATIONS)) {
      for (const channel of [begun, end, asyncStart, asyncEnd, error]) spy(channel);
    }
    for (const channel of [losses, pokes]) spy(channel);
    const use = async (name: string): Promise<void> => {
      // Nobody releases it, and somebody waits for it.
      const left = await one.creator(name).acquire(100);
      await (await two.creator(name).acquire(10_000)).release();
      await expect(left.release()).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    };
    await use('unheard');
    expect(published).toEqual([]);
    expect(traced.calls.filter((call) => call.startsWith('trace'))).toEqual([]);
    vi.restoreAllMocks();
    // The same with a listener shows that this test would see it.
    using heard = new Recorder();
    await use('heard');
    expect(heard.losses).toHaveLength(1);
    expect(traced.calls).toEqual(expect.arrayContaining(['traceAcquire', 'traceRelease', 'follow']));
    await Promise.all([one.close(), two.close()]);
    await fixture.stop();
  });
});

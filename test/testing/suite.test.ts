import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as vitest from 'vitest';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Owners } from '../../src/core/owner.ts';
import { LockArgumentError, type LockBackend, memoryBackend } from '../../src/index.ts';
import { MemorySpace } from '../../src/memory/space.ts';
import { Faults } from '../../src/testing/faults.ts';
import { FaultyBackend } from '../../src/testing/faulty-backend.ts';
import { type ConformanceSubject, lockConformance, type TestRunner } from '../../src/testing/kit.ts';
import { MiniRunner } from './mini-runner.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** Runs the fixture as its author would, with nothing but Node. */
function nodeTest(env: Record<string, string>, ...options: string[]) {
  const args = ['--import', 'tsx', '--test-reporter', 'tap', ...options, '--test'];
  const settings = { cwd: ROOT, env: { ...process.env, ...env } };
  return run(process.execPath, [...args, 'test/testing/suite.fixture.ts'], settings);
}

describe('the suite under node:test', () => {
  it('passes with the backend in memory', async () => {
    const { stdout } = await nodeTest({});
    expect(stdout).toMatch(/^# fail 0$/m);
    expect(Number(stdout.match(/^# pass (\d+)$/m)?.[1])).toBe(3 * 29 + 31);
  }, 60_000);

  it('fails with one that lets everybody in', async () => {
    const pattern = '--test-name-pattern=^refuses a lock that is held|^grants a free lock at once';
    const failure: unknown = await nodeTest({ BROKEN: 'yes' }, pattern).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 1 });
    const { stdout } = failure as { stdout: string };
    // In each of the kinds.
    expect([stdout.match(/^# pass \d+$/m)?.[0], stdout.match(/^# fail \d+$/m)?.[0]]).toEqual([
      '# pass 3',
      '# fail 3',
    ]);
  }, 60_000);
});

/** A backend in memory that does something else than it should, through a proxy: a bug in few lines. */
function broken(
  bug: Partial<Record<keyof LockBackend, (backend: LockBackend, ...args: never[]) => unknown>>,
) {
  const space = randomUUID();
  return (): LockBackend => {
    const backend = memoryBackend({ space });
    return new Proxy(backend, {
      get(target, key: keyof LockBackend) {
        const wrong = bug[key];
        if (wrong) return (...args: never[]) => wrong(target, ...args);
        const value = target[key];
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

describe('the suite fails a backend that', () => {
  const bugs: { what: string; connect: () => LockBackend; cases: string[] }[] = [
    {
      what: 'grants a lock twice',
      connect: () => memoryBackend(),
      cases: [
        'mutex > refuses a lock that is held, to another client and to the same',
        'mutex > never lets two in at a time, and gives each a higher fencing token',
        'write side of a read-write lock > never lets two in at a time',
        'semaphore of 5 drained to 1 > refuses a lock that is held',
        'shares > never has more units out than there are',
        'shares > lets readers share, and a writer in only when there is nobody else',
      ],
    },
    {
      what: 'never hands over',
      connect: broken({ release: () => Promise.resolve(true) }),
      cases: [
        'mutex > hands the lock to the waiters in the order of their arrival',
        'mutex > keeps the order of the calls of one client',
        'drained to 1 > hands the lock to the waiters in the order of their arrival',
        'shares > lets in as many as there are permits, and the others in the order of their arrival',
      ],
    },
    {
      what: 'says nothing of a release by force',
      connect: broken({ onForced: () => () => {} }),
      cases: ['mutex > is handed on by force, and the holder learns of it', 'shares > is taken from all its'],
    },
    {
      what: 'grants everybody one unit',
      connect: broken({
        tryAcquire: (backend, request: Parameters<LockBackend['tryAcquire']>[0]) =>
          backend.tryAcquire(Object.defineProperty(request, 'units', { value: 1 })),
      }),
      cases: ['shares > grants several units at once'],
    },
    {
      what: 'refreshes nothing',
      connect: broken({ refresh: () => Promise.resolve(true) }),
      cases: ['mutex > starts the TTL anew at a refresh'],
    },
  ];

  it.each(bugs)(
    '$what',
    async ({ connect, cases }) => {
      const suspect = new MiniRunner();
      lockConformance({ title: 'broken', connect }, suspect);
      await suspect.run(...cases);
      expect(suspect.failed).toHaveLength(cases.length);
      // And not because of the runner.
      const healthy = new MiniRunner();
      const space = randomUUID();
      lockConformance({ title: 'healthy', connect: () => memoryBackend({ space }) }, healthy);
      await healthy.run(...cases);
      expect([healthy.failed, healthy.passed.length]).toEqual([[], cases.length]);
    },
    60_000,
  );

  it('supports something else than is said', async () => {
    const supports = { capacity: false, fencing: true, fifo: true, counters: false };
    const backend = () => Object.assign(memoryBackend(), { supports });
    const modest = new MiniRunner();
    lockConformance({ title: 'modest', connect: backend }, modest);
    await modest.run('shares > ');
    expect(modest.passed).toEqual([]);
    const honest = new MiniRunner();
    lockConformance({ title: 'honest', connect: backend, kinds: ['mutex'] }, honest);
    await honest.run('shares > ');
    expect([honest.failed, honest.passed.length]).toEqual([[], 1]);
    const proud = new MiniRunner();
    lockConformance({ title: 'proud', connect: () => memoryBackend(), kinds: ['mutex'] }, proud);
    await proud.run('shares > ');
    expect(proud.failed).toHaveLength(1);
  }, 60_000);
});

describe('lockConformance', () => {
  it('starts before the first case and stops after the last', async () => {
    const calls: string[] = [];
    class Subject implements ConformanceSubject {
      readonly title = 'subject';
      start(): void {
        calls.push(`start ${this.title}`);
      }
      connect(): LockBackend {
        calls.push('connect');
        return memoryBackend();
      }
      async stop(): Promise<void> {
        calls.push(`stop ${this.title}`);
      }
    }
    const runner = new MiniRunner();
    lockConformance(new Subject(), runner);
    await runner.run('mutex > grants a free lock at once');
    expect(calls).toEqual(['start subject', 'connect', 'stop subject']);
  });

  it('refuses a subject or a runner that it cannot work with', () => {
    const good = { title: 'title', connect: () => memoryBackend() };
    const subjects = [
      { ...good, title: undefined },
      { ...good, connect: undefined },
      { ...good, kinds: ['mutexes'] },
      { ...good, stop: 'stop' },
    ];
    for (const subject of subjects) {
      const describing = () => lockConformance(subject as unknown as ConformanceSubject, new MiniRunner());
      expect(describing).toThrow(LockArgumentError);
    }
    const { beforeAll: _, ...lacking } = vitest;
    for (const runner of [undefined, {}, lacking]) {
      expect(() => lockConformance(good, runner as unknown as TestRunner)).toThrow(LockArgumentError);
    }
  });
});

// Whatever a late answer may spoil: the wire of the test kit, with real time.
const space = new MemorySpace(systemClock);
const faults = new Faults();
faults.add({ delayMs: 3, error: undefined }, { calls: undefined, by: undefined, left: Infinity });
lockConformance(
  {
    title: 'the test kit with answers that take 3 ms',
    connect: () => new FaultyBackend(systemClock, new Owners(), space, faults),
    kinds: ['drained-semaphore'],
  },
  vitest,
);

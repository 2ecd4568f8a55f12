import { checkFunction, checkOptions } from '../../core/arguments.ts';
import type { LockBackend } from '../../core/backend.ts';
import { LockArgumentError } from '../../errors.ts';
import { exclusionCases } from './exclusion.ts';
import { holdingCases } from './holding.ts';
import { KINDS, type Kind, type LockKind } from './kinds.ts';
import { observingCases } from './observing.ts';
import { refusalCases } from './refusal.ts';
import { checkRunner, type Runner, type TestRunner } from './runner.ts';
import { sharingCases } from './sharing.ts';
import { Stage } from './stage.ts';
import { waitingCases } from './waiting.ts';

/** A backend that is put to the test. */
export interface ConformanceSubject {
  /** What the cases are grouped under. */
  readonly title: string;
  /** Called once before all cases, to start a server, for example. */
  start?(): void | Promise<void>;
  /** A backend as another process would have it: all that are made share their locks. Each is closed after its case. */
  connect(): LockBackend;
  /** Called once after all cases. */
  stop?(): void | Promise<void>;
  /**
   * The kinds of lock that the suite is run with; `['mutex', 'drained-semaphore', 'write-side']` by default, with which it also
   * looks at what only locks with several holders can do. `['mutex']` for a backend that does not support `capacity`; that it
   * refuses one is then looked at, too.
   */
  readonly kinds?: readonly LockKind[];
}

const DEFAULT_KINDS: readonly LockKind[] = ['mutex', 'drained-semaphore', 'write-side'];
/** Names the locks of the cases of shares, which make their own. */
const SHARES: Kind = { ...KINDS.mutex, title: 'shares' };

/**
 * Describes the suite that all backends of this library pass: exclusion, the order of the line, leases, loss, inspection and
 * watching, semaphores and read-write locks. `runner` is the module of vitest, `@jest/globals` or `node:test`, or an object with
 * their functions. Takes real time, for each kind anew. Throws `LockArgumentError`.
 */
export function lockConformance(subject: ConformanceSubject, runner: TestRunner): void {
  const { title, start, stop, kinds } = checkSubject(subject);
  const checked = checkRunner(runner);
  const { describe, beforeAll, afterAll } = checked;
  const connect = (): LockBackend => subject.connect();
  describe(title, () => {
    if (start) beforeAll(() => start.call(subject));
    if (stop) afterAll(() => stop.call(subject));
    for (const kind of kinds) describe(KINDS[kind].title, () => allCases(KINDS[kind], connect, checked));
    describe(SHARES.title, () => {
      const cases = kinds.some((kind) => KINDS[kind].capacity > 1) ? sharingCases : refusalCases;
      cases(new Stage(SHARES, connect, checked));
    });
  });
}

function allCases(kind: Kind, connect: () => LockBackend, runner: Runner): void {
  const stage = new Stage(kind, connect, runner);
  exclusionCases(stage);
  waitingCases(stage);
  holdingCases(stage);
  observingCases(stage);
}

const FIELDS = ['title', 'start', 'connect', 'stop', 'kinds'] as const;

function checkSubject(subject: ConformanceSubject) {
  const { title, start, connect, stop, kinds = DEFAULT_KINDS } = checkOptions(subject, FIELDS, 'subject');
  if (typeof title !== 'string') throw new LockArgumentError('title', title, 'a string');
  checkFunction(connect, 'connect');
  if (start !== undefined) checkFunction(start, 'start');
  if (stop !== undefined) checkFunction(stop, 'stop');
  for (const kind of kinds) {
    if (!Object.hasOwn(KINDS, kind))
      throw new LockArgumentError('kinds', kind, Object.keys(KINDS).join(', '));
  }
  return { title, start, stop, kinds };
}

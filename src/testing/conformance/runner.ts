import { hasMethods } from '../../core/arguments.ts';
import { LockArgumentError } from '../../errors.ts';

/** What a runner calls before or after cases. */
export type Hook = () => void | Promise<void>;
/** How a runner is told of a hook. */
export type Register = (hook: Hook) => unknown;

/** What the suite needs of a test runner: vitest, `@jest/globals` and `node:test` have it, each as a whole module. */
export interface TestRunner {
  /** A group of cases. */
  describe(title: string, body: () => void): unknown;
  /** One case. */
  it(title: string, body: () => Promise<void>): unknown;
  /** Before each case of the group. */
  beforeEach(hook: Hook): unknown;
  /** After each case of the group, also one that has failed. */
  afterEach(hook: Hook): unknown;
  /** Once before all cases; `before` where it is called so. */
  readonly beforeAll?: Register;
  /** Once after all cases; `after` where it is called so. */
  readonly afterAll?: Register;
  /** As `beforeAll`. */
  readonly before?: Register;
  /** As `afterAll`. */
  readonly after?: Register;
}

/** A runner whose hooks have one name each. */
export type Runner = Pick<TestRunner, 'describe' | 'it' | 'beforeEach' | 'afterEach'> & {
  readonly beforeAll: Register;
  readonly afterAll: Register;
};

const NEEDED = ['describe', 'it', 'beforeEach', 'afterEach'];

export function checkRunner(runner: TestRunner): Runner {
  if (hasMethods(runner, NEEDED)) {
    const { describe, it, beforeEach, afterEach } = runner;
    const beforeAll = runner.beforeAll ?? runner.before;
    const afterAll = runner.afterAll ?? runner.after;
    if (beforeAll && afterAll) return { describe, it, beforeEach, afterEach, beforeAll, afterAll };
  }
  const bounds = `an object with ${NEEDED.join(', ')}, beforeAll (or before) and afterAll (or after)`;
  throw new LockArgumentError('runner', runner, bounds);
}

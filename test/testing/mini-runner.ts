import type { TestRunner } from '../../src/testing/kit.ts';
import { within } from '../../src/testing/wait.ts';

type Hook = () => void | Promise<void>;

interface Group {
  readonly path: string;
  readonly parent: Group | undefined;
  readonly before: Hook[];
  readonly beforeEach: Hook[];
  readonly afterEach: Hook[];
  readonly after: Hook[];
  readonly cases: { readonly title: string; readonly body: Hook }[];
  readonly groups: Group[];
}

/** A test runner in few lines, to see what the suite says of a backend without failing this run. */
export class MiniRunner implements TestRunner {
  /** In the order in which all happened. */
  readonly failed: string[] = [];
  readonly passed: string[] = [];
  readonly #root = group('', undefined);
  #current = this.#root;

  readonly describe = (title: string, body: () => void): void => {
    const outer = this.#current;
    this.#current = group(`${outer.path}${title} > `, outer);
    outer.groups.push(this.#current);
    body();
    this.#current = outer;
  };
  readonly it = (title: string, body: Hook): void => void this.#current.cases.push({ title, body });
  readonly before = (hook: Hook): void => void this.#current.before.push(hook);
  readonly after = (hook: Hook): void => void this.#current.after.push(hook);
  readonly beforeEach = (hook: Hook): void => void this.#current.beforeEach.push(hook);
  readonly afterEach = (hook: Hook): void => void this.#current.afterEach.push(hook);

  /** Runs the cases whose path has one of these in it; each may take a second. */
  async run(...paths: readonly string[]): Promise<void> {
    await this.#run(this.#root, (path) => paths.some((part) => path.includes(part)));
  }

  async #run(group: Group, wanted: (path: string) => boolean): Promise<void> {
    for (const hook of group.before) await hook();
    for (const { title, body } of group.cases) {
      if (wanted(group.path + title)) await this.#try(group, group.path + title, body);
    }
    for (const inner of group.groups) await this.#run(inner, wanted);
    for (const hook of group.after) await hook();
  }

  async #try(group: Group, path: string, body: Hook): Promise<void> {
    try {
      for (const hook of group.beforeEach) await hook();
      await within(1_000, 'the case', async () => body());
      this.passed.push(path);
    } catch {
      this.failed.push(path);
    } finally {
      for (const hook of group.afterEach) await hook();
    }
  }
}

function group(path: string, parent: Group | undefined): Group {
  return { path, parent, before: [], beforeEach: [], afterEach: [], after: [], cases: [], groups: [] };
}

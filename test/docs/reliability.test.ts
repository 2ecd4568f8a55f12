import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lock, LockClient, type LockCreator, memoryBackend } from '../../src/index.ts';
import { testKit } from '../../src/testing/kit.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCS = join(ROOT, 'docs');
const FAULTS = join(ROOT, 'test/faults');
const PAGE = readFileSync(join(DOCS, 'reliability.md'), 'utf8');

const KNOWN_FAILURES = Array.from({ length: 52 }, (_, index) => index + 1);
/** What the library does not use needs no test. */
const WITHOUT_TEST = [51];

interface Shown {
  readonly file: string;
  readonly titles: readonly string[];
}

/** The tests that the last cell of a row names: links to files, each followed by titles in quotes. */
function shownBy(cell: string): Shown[] {
  if (!cell.includes('](')) return [];
  return cell.split(/; (?=\[)/).map((part) => {
    const [, file, list] = /^\[[\w-]+\]\(([^)]+)\): ("[^"]+"(?:, "[^"]+")*)$/.exec(part) ?? [];
    if (file === undefined || list === undefined) throw new Error(`not a file and its tests: ${part}`);
    return { file: resolve(DOCS, file), titles: list.slice(1, -1).split('", "') };
  });
}

const ROWS = [...PAGE.matchAll(/^\| (\d+) \|.*\| (.+) \|$/gm)].map(([, number, cell = '']) => ({
  row: Number(number),
  shown: shownBy(cell),
}));

interface Title {
  /** Without the rows it begins with. */
  readonly text: string;
  /** Those rows; none if it does not begin with any. */
  readonly rows: readonly number[];
}

/** After `it(`, `describe(`, the cases of `it.each(…)(`, or as the `title:` of a suite. */
const TITLE = /(?:\b(?:it|describe)\(|\)\(|\btitle: )\s*(['"`])(.+?)\1,/g;

/** The titles of a file's tests, of the groups they are in, and of the suites it runs. */
function titlesIn(file: string): Title[] {
  return [...readFileSync(file, 'utf8').matchAll(TITLE)].map(([, , title = '']) => {
    const [, rows = '', text = title] = /^rows? ([\d, and]+): (.*)$/.exec(title) ?? [];
    return { text, rows: [...rows.matchAll(/\d+/g)].map(Number) };
  });
}

describe('the table of failures', () => {
  it('has a row for each, once', () => {
    expect(ROWS.map(({ row }) => row).sort((a, b) => a - b)).toEqual(KNOWN_FAILURES);
  });

  it.each(ROWS)('names tests that exist: $row', ({ row, shown }) => {
    expect(shown.length > 0).toBe(!WITHOUT_TEST.includes(row));
    for (const { file, titles } of shown) {
      const there = titlesIn(file).filter(({ rows }) => rows.length === 0 || rows.includes(row));
      expect(there.map(({ text }) => text)).toEqual(expect.arrayContaining([...titles]));
    }
  });

  it('links every file of fault tests that names the row', () => {
    const missing = readdirSync(FAULTS)
      .filter((name) => name.endsWith('.test.ts'))
      .flatMap((name) => {
        const rows = new Set(titlesIn(join(FAULTS, name)).flatMap((title) => title.rows));
        return [...rows].map((row) => ({ name, row }));
      })
      .filter(({ name, row }) => {
        const shown = ROWS.find((one) => one.row === row)?.shown ?? [];
        return !shown.some(({ file }) => file === join(FAULTS, name));
      });
    expect(missing).toEqual([]);
  });
});

interface Examples {
  rebuild(
    creator: LockCreator,
    index: {
      read(page: number, options: { signal: AbortSignal }): Promise<string[]>;
      write(rows: string[], options: { fencingToken: number }): Promise<void>;
    },
  ): Promise<void>;
  sell(connection: Shop, item: number, lock: Lock): Promise<void>;
}

/** As much of a database as the example needs: one fence and one item. */
class Shop {
  readonly statements: string[] = [];
  stock = 10;
  #fence = 0;

  async query(text: string, [first]: unknown[] = []) {
    const [statement = ''] = /^(?:UPDATE )?\w+/.exec(text) ?? [];
    this.statements.push(statement);
    const passes = statement !== 'UPDATE fences' || this.#fence <= Number(first);
    if (statement === 'UPDATE fences' && passes) this.#fence = Number(first);
    if (statement === 'UPDATE items') this.stock = Number(first);
    return { rowCount: passes ? 1 : 0, rows: [{ stock: this.stock }] };
  }
}

describe('the examples', () => {
  let folder: string;
  let examples: Examples;
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeAll(async () => {
    // Inside the repository, where packages are found.
    folder = mkdtempSync(join(ROOT, 'test/docs/.example-'));
    const blocks = [...PAGE.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
    expect(blocks).toHaveLength(2);
    const modules = blocks.map((code, index) => {
      const file = join(folder, `example-${index}.ts`);
      writeFileSync(file, code.replaceAll("'batonlock'", "'../../../src/index.ts'"));
      return import(/* @vite-ignore */ file) as Promise<object>;
    });
    examples = Object.assign({}, ...(await Promise.all(modules))) as Examples;
  });

  it.each([true, false])('stop when the lock is lost, what they call heeds the signal: %s', async (heeds) => {
    await using kit = testKit();
    const creator = kit.client().creator('index');
    const written: number[] = [];
    const rebuilt = examples.rebuild(creator, {
      async read(page, { signal }) {
        await kit.clock.sleep(1_000);
        if (heeds) signal.throwIfAborted();
        return page > 5 ? [] : [`row of page ${page}`];
      },
      async write(_, { fencingToken }) {
        written.push(fencingToken);
      },
    });
    const rejected = expect(rebuilt).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', reason: 'forced' });
    await kit.clock.advance(2_500);
    await kit.lose('index', 'forced');
    await kit.clock.advance(10_000);
    await rejected;
    expect(written).toHaveLength(2);
  });

  it('claim the fence before they read, and stop when somebody has claimed a higher one', async () => {
    await using client = new LockClient(memoryBackend());
    const creator = client.creator('shop');
    const first = await creator.acquire(30_000);
    await creator.forceRelease();
    const second = await creator.acquire(30_000);
    const shop = new Shop();
    const claimed = ['BEGIN', 'UPDATE fences', 'SELECT', 'UPDATE items', 'COMMIT'];
    for (const lock of [first, second, second]) await examples.sell(shop, 1, lock);
    expect(shop.statements.splice(0)).toEqual([...claimed, ...claimed, ...claimed]);
    await expect(examples.sell(shop, 1, first)).rejects.toThrow('shop has had a later holder');
    expect(shop.statements).toEqual(['BEGIN', 'UPDATE fences', 'ROLLBACK']);
    expect(shop.stock).toBe(7);
    await second.release();
  });
});

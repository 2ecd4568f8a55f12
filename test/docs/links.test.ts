import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { remark } from 'remark';
import remarkGfm from 'remark-gfm';
import remarkValidateLinks from 'remark-validate-links';
import { engine, type Options } from 'unified-engine';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from './code-blocks.ts';

/** Reads the Markdown files of a folder and of its docs, and gives what is wrong with their links. */
async function brokenLinks(root: string): Promise<string[]> {
  const options = {
    processor: remark().use(remarkGfm),
    // Not of the processor: only so it is told of all files, and knows their headings.
    plugins: [[remarkValidateLinks, { repository: false, root }]] as Options['plugins'],
    cwd: root,
    files: markdownIn(root),
    extensions: ['md'],
    streamError: new Writable({ write: (_chunk, _encoding, done) => done() }),
    output: false,
    quiet: true,
  };
  return await new Promise((resolve, reject) => {
    engine(options, (error, _code, context) => {
      if (error) return reject(error);
      resolve(
        (context?.files ?? []).flatMap((file) =>
          file.messages.map((message) => `${file.path}: ${message.reason}`),
        ),
      );
    });
  });
}

function markdownIn(root: string): string[] {
  const docs = readdirSync(join(root, 'docs')).map((name) => `docs/${name}`);
  return [...readdirSync(root), ...docs].filter((name) => name.endsWith('.md'));
}

describe('the links of the documentation', () => {
  it('lead somewhere, to the very heading', async () => {
    expect(markdownIn(ROOT)).toEqual(
      expect.arrayContaining([
        'README.md',
        'CHANGELOG.md',
        'SECURITY.md',
        'docs/README.md',
        'docs/engines.md',
      ]),
    );
    expect(await brokenLinks(ROOT)).toEqual([]);
  }, 60_000);

  it('lead from the index to every page and every example', () => {
    const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8');
    const pages = readdirSync(join(ROOT, 'docs')).filter(
      (name) => name.endsWith('.md') && name !== 'README.md',
    );
    expect(pages.filter((name) => !index.includes(`](${name})`))).toEqual([]);
    const examples = readdirSync(join(ROOT, 'examples'));
    expect(examples.filter((name) => !index.includes(`](../examples/${name}/`))).toEqual([]);
  });
});

describe('a link', () => {
  const root = mkdtempSync(join(tmpdir(), 'batonlock-links-'));
  afterAll(() => rmSync(root, { recursive: true }));

  it('that leads nowhere is found, wherever it stands', async () => {
    mkdirSync(join(root, 'docs'));
    writeFileSync(join(root, 'docs/page.md'), '# Here\n\n[a](#here) [b](#there)\n');
    const links = [
      'docs/page.md',
      'docs/page.md#here',
      'docs/page.md#there',
      'docs/none.md',
      'https://example.org',
    ];
    const table = ['| a |', '| --- |', ...links.map((link) => `| [x](${link}) |`)];
    writeFileSync(join(root, 'README.md'), table.join('\n'));
    expect((await brokenLinks(root)).toSorted()).toEqual([
      expect.stringContaining('README.md: Cannot find file `docs/none.md`'),
      expect.stringContaining('README.md: Cannot find heading for `#there` in `docs/page.md`'),
      expect.stringContaining('docs/page.md: Cannot find heading for `#there`'),
    ]);
  });
});

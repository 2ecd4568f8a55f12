import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { type CodeBlock, ROOT } from './code-blocks.ts';

const run = promisify(execFile);
/** A program of the documentation that takes longer has got stuck. */
const LONGEST_MS = 20_000;
/** What the package exports, and where a block finds it: in the sources, since a build may be old, or not there. */
const SUBPATHS = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === 'string'
    ? []
    : [[`'batonlock${subpath.slice(1)}'`, target.default.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1')] as const],
);
/** All strict options of the project, but a block may declare what only the text behind it speaks of. */
const CONFIG = {
  extends: '../../../tsconfig.json',
  compilerOptions: {
    noUnusedLocals: false,
    noUnusedParameters: false,
    noEmit: false,
    rootDir: '../../..',
    outDir: 'out',
  },
  include: ['*.ts'],
};

/** Blocks of code as programs: checked and compiled all together, run one by one. */
export class Programs implements Disposable {
  // Inside the repository, where packages are found.
  readonly #folder = mkdtempSync(join(ROOT, 'test/docs/.example-'));

  constructor(blocks: readonly CodeBlock[]) {
    for (const block of blocks) writeFileSync(join(this.#folder, fileName(block)), source(block));
    writeFileSync(join(this.#folder, 'tsconfig.json'), JSON.stringify(CONFIG));
  }

  /** Rejects with what the compiler has to say against any of them. */
  async compile(): Promise<void> {
    await run('npx', ['tsc', '-p', this.#folder], { cwd: ROOT }).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
  }

  /** Runs one to its end, and gives what it has printed. Rejects when it fails or does not end. */
  async run(block: CodeBlock, env: NodeJS.ProcessEnv): Promise<string> {
    const name = fileName(block);
    const compiled = join('out/test/docs', basename(this.#folder), name.replace(/ts$/, 'js'));
    const file = join(this.#folder, block.language === 'ts' ? compiled : name);
    const options = { cwd: ROOT, env: { ...process.env, ...env }, timeout: LONGEST_MS };
    const { stdout } = await run(process.execPath, [file], options);
    return stdout;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

function fileName({ page, line, language }: CodeBlock): string {
  return `${basename(page, '.md')}-${line}.${language}`;
}

function source({ setup, code, language }: CodeBlock): string {
  // JavaScript is not compiled, and so has to import what is.
  const found = (path: string) => (language === 'ts' ? `'../../../${path}.ts'` : `'./out/${path}.js'`);
  const text = SUBPATHS.reduce((text, [name, path]) => text.replaceAll(name, found(path)), setup + code);
  // What has no import or export would be a script, and all scripts share their names.
  return `${text}export {};\n`;
}

/** Output with the same word for each fencing token: they are other ones each time. */
export function withoutTokens(output: string): string {
  return output.replaceAll(/\b\d{16}\b/g, 'TOKEN');
}

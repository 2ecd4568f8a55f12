import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What is not in the repository, such as the folders in which tests of the pages put their examples for a moment. */
const LEFT_OUT = /^(node_modules|dist|\..+)$/;

/** What `npm pack` makes of a clean copy of this repository, so that nobody's `dist` is in the way, or needed. */
export class Tarball implements AsyncDisposable {
  readonly file: string;
  /** Paths of the files in it. */
  readonly contents: readonly string[];
  /** The copy, as it is after the build. */
  readonly folder: string;

  private constructor(folder: string, { filename, files }: Packed) {
    this.folder = folder;
    this.file = join(folder, filename);
    this.contents = files.map(({ path }) => path);
  }

  static async pack(): Promise<Tarball> {
    const folder = await mkdtemp(join(tmpdir(), 'batonlock-pack-'));
    await cp(ROOT, folder, {
      recursive: true,
      filter: (path) => !LEFT_OUT.test(basename(path)),
    });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    // Its output is what tools read; that of the build goes elsewhere.
    const { stdout } = await run('npm', ['pack', '--json', '--foreground-scripts=false'], { cwd: folder });
    const [packed] = JSON.parse(stdout) as Packed[];
    if (!packed) throw new Error(`npm pack told of no package: ${stdout}`);
    return new Tarball(folder, packed);
  }

  bytes(): Promise<Buffer> {
    return readFile(this.file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

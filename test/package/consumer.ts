import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A project of a user, away from this repository, in which nothing is installed but what is asked for. */
export class Consumer implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Consumer> {
    const consumer = new Consumer(await mkdtemp(join(tmpdir(), 'batonlock-consumer-')));
    await consumer.write('package.json', JSON.stringify({ private: true, type: 'module' }));
    return consumer;
  }

  async install(...packages: readonly string[]): Promise<void> {
    await this.#run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages]);
  }

  async write(file: string, text: string): Promise<void> {
    const path = join(this.folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** What Node prints, warnings included. Rejects when it fails. */
  node(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
    return this.#run(process.execPath, args, env);
  }

  /** What one of its installed commands prints. */
  command(name: string, args: readonly string[]): Promise<string> {
    return this.#run(join(this.folder, 'node_modules/.bin', name), args);
  }

  /** The complaints of a TypeScript compiler about the project of that folder. */
  async complaints(compiler: string, folder: string): Promise<string> {
    const args = [compiler, '-p', join(this.folder, folder)];
    return this.node(args).catch(({ stdout, stderr }: { stdout: string; stderr: string }) => {
      if (stdout === '') throw new Error(stderr);
      return stdout;
    });
  }

  async #run(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
    const options = { cwd: this.folder, env: { ...process.env, ...env } };
    const { stdout, stderr } = await run(command, args, options);
    return stdout + stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

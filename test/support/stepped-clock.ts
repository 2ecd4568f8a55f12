import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPackages } from './apt-packages.ts';
import { currentRun } from './run.ts';

const run = promisify(execFile);
/** A library comes from this machine, and so must the server that is started with it. */
const WANTED = {
  packages: ['libfaketime', 'redis-server'],
  present: 'command -v redis-server && dpkg -L libfaketime',
  what: 'redis-server on the PATH and libfaketime as a package of Debian',
};
/** jemalloc looks at the clock while it begins, and libfaketime allocates memory while that begins: each would wait for the other. */
const PLAIN_MALLOC = 'libc.so.6';
const LIBRARY = /^.*\/libfaketime\.so\.1$/m;

let library: Promise<string> | undefined;

/** Makes a clock for a server, `startRedis({ clock })`; it begins as that of this machine. */
export async function steppedClock(): Promise<SteppedClock> {
  library ??= findLibrary();
  const { dir } = await currentRun();
  return new SteppedClock(await library, join(dir, `clock-${randomUUID()}`));
}

/** The wall clock of one server, which a test can set. Its monotonic clock goes on as ever, as with a real step. */
export class SteppedClock {
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  /** For `steppedClock`. */
  constructor(faking: string, file: string) {
    this.#file = file;
    this.env = {
      LD_PRELOAD: [faking, PLAIN_MALLOC].join(':'),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    this.set(0);
  }

  /** From now on it is so many ms ahead of this machine's clock, or behind it if that is negative. */
  set(aheadMs: number): void {
    // In one step: the server reads it whenever it looks at the clock.
    const next = `${this.#file}.next`;
    writeFileSync(next, `${aheadMs < 0 ? '-' : '+'}${Math.abs(aheadMs) / 1_000}\n`);
    renameSync(next, this.#file);
  }
}

async function findLibrary(): Promise<string> {
  await findPackages(WANTED);
  const { stdout } = await run('dpkg', ['-L', 'libfaketime']);
  const [path] = LIBRARY.exec(stdout) ?? [];
  if (path === undefined) throw new Error('test servers: the package libfaketime has no libfaketime.so.1');
  return path;
}

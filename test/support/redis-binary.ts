import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { atExit } from './at-exit.ts';
import { type Instance, type Launch, START_TIMEOUT_MS, startFailure } from './launch.ts';
import { PID_FILE } from './run.ts';
import { until } from './wait.ts';

const LOG_FILE = 'server.log';

/** Starts a program of the PATH, `redis-server` by default, in a directory of its own below `runDir`. */
export async function launchBinary(
  launch: Launch,
  runDir: string,
  program = 'redis-server',
): Promise<Instance> {
  const dir = await mkdtemp(join(runDir, `${program}-`));
  for (const { name, content } of launch.files) await writeFile(join(dir, name), content);
  const log = openSync(join(dir, LOG_FILE), 'a');
  const child = spawn(program, launch.args, { cwd: dir, stdio: ['ignore', log, log] });
  closeSync(log);
  const instance = new BinaryInstance(child, dir);
  try {
    await once(child, 'spawn');
    await writeFile(join(dir, PID_FILE), String(child.pid));
    await until(() => instance.isReady(launch.ready), {
      what: 'its log to say that it is ready',
      timeout: START_TIMEOUT_MS,
    });
    return instance;
  } catch (error) {
    const failure = startFailure(String(error), await instance.log());
    await instance.remove();
    throw failure;
  }
}

class BinaryInstance implements Instance {
  readonly host = '127.0.0.1';
  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #ended: Promise<void>;
  readonly #forget: () => void;

  constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.#dir = dir;
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    this.#forget = atExit(() => {
      child.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    });
  }

  async log(): Promise<string> {
    return readFile(join(this.#dir, LOG_FILE), 'utf8');
  }

  async isReady(ready: string): Promise<boolean> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`it ended with ${exitCode ?? signalCode}`);
    return (await this.log()).includes(ready);
  }

  async pause(): Promise<void> {
    this.#child.kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    await until(() => removed(this.#dir), { what: 'its directory to be removed' });
    this.#forget();
  }
}

/** A child that was just saving does not end with the server, and may write while we remove. */
function removed(dir: string): boolean {
  try {
    rmSync(dir, { recursive: true, force: true });
    return true;
  } catch (error) {
    if (Object(error).code !== 'ENOTEMPTY') throw error;
    return false;
  }
}

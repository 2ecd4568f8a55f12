import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
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
  const instance = new BinaryInstance(program, launch, dir);
  try {
    await instance.revive();
    return instance;
  } catch (error) {
    const failure = startFailure(String(error), await instance.log());
    await instance.remove();
    throw failure;
  }
}

class BinaryInstance implements Instance {
  readonly host = '127.0.0.1';
  readonly #program: string;
  readonly #launch: Launch;
  readonly #dir: string;
  readonly #logFile: string;
  readonly #forget: () => void;
  #child: ChildProcess | undefined;
  #ended: Promise<void> | undefined;

  constructor(program: string, launch: Launch, dir: string) {
    this.#program = program;
    this.#launch = launch;
    this.#dir = dir;
    this.#logFile = join(dir, LOG_FILE);
    this.#forget = atExit(() => {
      this.#child?.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    });
  }

  async revive(): Promise<void> {
    const before = existsSync(this.#logFile) ? (await this.log()).length : 0;
    const log = openSync(this.#logFile, 'a');
    const env = { ...process.env, ...this.#launch.env };
    const stdio: StdioOptions = ['ignore', log, log];
    const child = spawn(this.#program, this.#launch.args, { cwd: this.#dir, env, stdio });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    await once(child, 'spawn');
    await writeFile(join(this.#dir, PID_FILE), String(child.pid));
    const isReady = async () => {
      const { exitCode, signalCode } = child;
      if (exitCode !== null || signalCode !== null)
        throw new Error(`it ended with ${exitCode ?? signalCode}`);
      return (await this.log()).slice(before).includes(this.#launch.ready);
    };
    await until(isReady, { what: 'its log to say that it is ready', timeout: START_TIMEOUT_MS });
  }

  async log(): Promise<string> {
    return readFile(this.#logFile, 'utf8');
  }

  async pause(): Promise<void> {
    this.#child?.kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
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

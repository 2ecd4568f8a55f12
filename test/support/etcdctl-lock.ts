import type { ChildProcess } from 'node:child_process';
import { atExit } from './at-exit.ts';
import { until } from './wait.ts';

/** A running `etcdctl lock`. */
export class CtlLock implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #printed = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    const forget = atExit(() => child.kill('SIGKILL'));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text;
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        forget();
        resolve();
      });
    });
  }

  /** The key that it printed once it had the lock. */
  get key(): string | undefined {
    return /^(.+)\n/.exec(this.#printed)?.[1];
  }

  /** Resolves with its key when it has the lock. */
  async held(): Promise<string> {
    return until(() => this.key, { what: 'etcdctl lock to hold the lock' });
  }

  /** Has it release the lock and end. */
  async release(): Promise<void> {
    this.#child.kill('SIGINT');
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

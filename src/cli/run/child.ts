import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EXIT } from '../exit-status.ts';

/** How a command has ended, as a shell would say it. */
export interface ChildEnd {
  readonly status: number;
  /** Why it could not be started. */
  readonly failure?: Error;
}

/**
 * The command that runs while we hold the lock. Away from a terminal it has a process group of its own, so that signals
 * reach whatever it has started, too. On a terminal it stays in ours, or it could not read from there.
 */
export class Child {
  /** Resolves when it has ended, or could not be started. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess | undefined;
  readonly #grouped: boolean;
  #kill: NodeJS.Timeout | undefined;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#grouped = process.platform !== 'win32' && !isOnTerminal();
    try {
      const child = spawn(command, args, { stdio: 'inherit', env, detached: this.#grouped });
      this.#process = child;
      this.ended = this.#endOf(child);
    } catch (error) {
      // Some failures to start are told by an event, all others are thrown.
      if (!(error instanceof Error)) throw error;
      this.ended = Promise.resolve(notStarted(command, error));
    }
  }

  /**
   * Hands on a signal that we were sent. On a terminal, Ctrl-C and Ctrl-\ have reached it by themselves, wherever its input
   * comes from; nothing tells them from a signal that somebody sent.
   */
  forward(signal: NodeJS.Signals): void {
    if (!this.#grouped && (signal === 'SIGINT' || signal === 'SIGQUIT') && isOnTerminal()) return;
    this.#send(signal);
  }

  /**
   * Asks it to end, and makes it end after `graceMs`; whatever else is in its group ends with it, not later: somebody else may
   * hold the lock, and a command that wants to wait for what it has started can.
   */
  end(graceMs: number): void {
    this.#send('SIGTERM');
    // A stopped process ends only when it goes on.
    this.#send('SIGCONT');
    this.#kill = setTimeout(() => this.#send('SIGKILL'), graceMs);
    void this.ended.then(() => this.#grouped && this.#send('SIGKILL'));
  }

  #endOf(child: ChildProcess): Promise<ChildEnd> {
    return new Promise((resolve) => {
      child.once('error', (failure) => {
        // A signal that could not be sent is an error, too.
        if (child.pid === undefined) resolve(notStarted(child.spawnfile, failure));
      });
      child.once('exit', (code, signal) => {
        clearTimeout(this.#kill);
        resolve({ status: code ?? (signal ? statusAfter(signal) : EXIT.signalled) });
      });
    });
  }

  #send(signal: NodeJS.Signals): void {
    const { pid } = this.#process ?? {};
    if (pid === undefined) return;
    try {
      if (this.#grouped) process.kill(-pid, signal);
      else this.#process?.kill(signal);
    } catch {
      // Nobody of it is left.
    }
  }
}

function notStarted(command: string, failure: NodeJS.ErrnoException): ChildEnd {
  const missing = command === '' || failure.code === 'ENOENT';
  return { status: missing ? EXIT.notFound : EXIT.notExecutable, failure };
}

/** What a shell says of a process that a signal has ended. */
export function statusAfter(signal: NodeJS.Signals): number {
  return EXIT.signalled + constants.signals[signal];
}

function isOnTerminal(): boolean {
  return Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
}

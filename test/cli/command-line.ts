import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = ['--import', 'tsx', 'src/cli/main.ts'];

/** The command line in a process of its own. */
export class CommandLine implements AsyncDisposable {
  /** Resolves with the exit status, or the signal that ended it, when all that it printed is there. */
  readonly exit: Promise<number | NodeJS.Signals>;
  /** Resolves when it is gone, also if others that it has started still have its pipes. */
  readonly gone: Promise<unknown>;
  readonly #process: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const { BATON_URL: _, ...rest } = process.env;
    this.#process = spawn(command, args, { cwd: ROOT, env: { ...rest, ...env } });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.gone = once(this.#process, 'exit');
    this.exit = once(this.#process, 'close').then(([code, signal]) => code ?? signal);
  }

  get lines(): string[] {
    return this.stdout.split('\n').filter((line) => line !== '');
  }

  /** What it printed, as one JSON value on each line. */
  get json(): unknown[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  /** Waits until it has printed this. */
  async printed(text: string | RegExp): Promise<RegExpMatchArray> {
    const pattern = typeof text === 'string' ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')) : text;
    try {
      await until(() => pattern.test(this.stdout), { what: `${pattern} in what it prints`, timeout: 40_000 });
    } catch (error) {
      throw new Error(`it printed: ${this.stdout}${this.stderr}`, { cause: error });
    }
    return pattern.exec(this.stdout)!;
  }

  type(keys: string): void {
    this.#process.stdin?.write(keys);
  }

  /** Closes the pipe that it prints to. */
  stopReading(): void {
    this.#process.stdout?.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.gone;
  }
}

/** Starts `batonlock` with these arguments. */
export function start(url: string, ...args: string[]): CommandLine {
  return new CommandLine(process.execPath, [...PROGRAM, ...args], url === '' ? {} : { BATON_URL: url });
}

/** Starts it on a terminal of its own, of 24 lines and 100 columns. */
export function startOnTerminal(url: string, ...args: string[]): CommandLine {
  const command = [process.execPath, ...PROGRAM, ...args].map(quote).join(' ');
  // To Node, CI is a terminal without colours.
  const shell = `unset CI; stty rows 24 cols 100; exec ${command}`;
  const env = { BATON_URL: url, TERM: 'xterm-256color', SHELL: '/bin/sh' };
  return new CommandLine('script', ['-qefc', shell, '/dev/null'], env);
}

/** Runs it to its end. */
export async function run(
  url: string,
  ...args: string[]
): Promise<CommandLine & { status: number | NodeJS.Signals }> {
  const line = start(url, ...args);
  return Object.assign(line, { status: await line.exit });
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

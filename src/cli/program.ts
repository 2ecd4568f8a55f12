import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { LockError } from '../errors.ts';
import { breakCommand } from './break.ts';
import { counterCommand } from './counter.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor/command.ts';
import { EXIT, exitStatusOf } from './exit-status.ts';
import { inspectCommand } from './inspect.ts';
import { listCommand } from './list.ts';
import { say } from './output.ts';
import { runCommand } from './run/command.ts';
import { printable } from './text.ts';
import { topCommand } from './top/command.ts';
import { watchCommand } from './watch.ts';

const PACKAGE = new URL('../../package.json', import.meta.url);

const COMMANDS = [
  runCommand,
  listCommand,
  inspectCommand,
  watchCommand,
  topCommand,
  breakCommand,
  counterCommand,
  demoCommand,
  doctorCommand,
];

/** Runs the command line with the arguments after the program's name. Resolves with the exit status; never rejects. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command('batonlock')
    .description('Locks that are handed over, not polled for.')
    .version(version());
  for (const make of COMMANDS) program.addCommand(make());
  const json = isJsonWanted(args);
  for (const command of withChildren(program)) {
    command.exitOverride();
    if (json) {
      command.configureOutput({ writeErr: () => {} });
      continue;
    }
    command
      .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'batonlock:')) })
      .showHelpAfterError(`Try: ${fullName(command)} --help`);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    const status = exitStatusOf(error);
    if (status === undefined) throw error;
    if (json && status !== EXIT.done) tellJson(error);
    else if (!(error instanceof CommanderError)) say(printable(messageOf(error)));
    return status;
  }
}

/** Whether `--json` is among the options of ours: what comes after `--` is the command's. */
function isJsonWanted(args: readonly string[]): boolean {
  return (args.includes('--') ? args.slice(0, args.indexOf('--')) : args).includes('--json');
}

function tellJson(error: unknown): void {
  const code = error instanceof LockError ? error.code : 'ERR_USAGE';
  process.stderr.write(`${JSON.stringify({ error: { code, message: messageOf(error) } })}\n`);
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof CommanderError ? message.replace(/^error: /, '') : message;
}

function withChildren(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withChildren)];
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function version(): string {
  const { version: found } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
  return found;
}

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
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
  for (const command of withChildren(program)) {
    command
      .exitOverride()
      .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'batonlock:')) });
    command.showHelpAfterError(`Try: ${fullName(command)} --help`);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    const status = exitStatusOf(error);
    if (status === undefined) throw error;
    if (!(error instanceof CommanderError)) tell(error, args);
    return status;
  }
}

function tell(error: unknown, args: readonly string[]): void {
  const message = error instanceof Error ? error.message : String(error);
  const ours = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  if (!ours.includes('--json')) {
    say(printable(message));
    return;
  }
  const code = error instanceof Error && 'code' in error ? error.code : 'ERR_USAGE';
  process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
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

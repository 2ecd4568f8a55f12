import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { connected } from './connection.ts';
import { EXIT, UsageError } from './exit-status.ts';
import { inspectionLines } from './inspect.ts';
import { type CommonOptions, withCommonOptions } from './options.ts';
import { print, printJson, say } from './output.ts';
import { printable } from './text.ts';

interface BreakOptions extends CommonOptions {
  readonly yes?: boolean;
}

/** `batonlock break`: takes a lock from its holder and hands it to the next in line. */
export function breakCommand(): Command {
  const command = new Command('break')
    .description('take a lock from whoever holds it; the next in line gets it')
    .argument('<name>', 'the lock')
    .option('--yes', 'do not ask');
  return withCommonOptions(command).action((name: string, options: BreakOptions) => {
    if (!options.yes && !(process.stdin.isTTY && process.stderr.isTTY))
      throw new UsageError('there is no terminal to ask on: say --yes to break the lock');
    return connected(options, async ({ client }) => {
      const creator = client.creator(name);
      const state = await creator.inspect();
      const held = state.holders.length > 0;
      if (held && !options.yes) {
        process.stderr.write(`${inspectionLines(state, process.stderr.columns).join('\n')}\n\n`);
        if (!(await isConfirmed())) {
          say('left as it is');
          process.exitCode = EXIT.no;
          return;
        }
      }
      const broken = held && (await creator.forceRelease());
      if (options.json) printJson({ name, broken });
      else
        print(broken ? `taken from its holder: ${printable(name)}` : `nobody holds it: ${printable(name)}`);
      if (!broken) process.exitCode = EXIT.no;
    });
  });
}

async function isConfirmed(): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question('Whoever holds it may still be at work. Take it from them? [y/N] ');
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    // Ctrl-C and Ctrl-D are answers, too; the line in which they were given has not ended.
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    process.stderr.write('\n');
    return false;
  } finally {
    prompt.close();
  }
}

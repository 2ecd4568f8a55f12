import { Command, Option } from 'commander';
import { connected } from '../connection.ts';
import { parseDuration } from '../duration.ts';
import { EXIT } from '../exit-status.ts';
import { type CommonOptions, integer, withCommonOptions } from '../options.ts';
import { say } from '../output.ts';
import { printable } from '../text.ts';
import { type HoldEvent, runHolding } from './hold.ts';

interface RunOptions extends CommonOptions {
  readonly ttl: number;
  /** False for `--no-wait`. */
  readonly wait: number | false;
  readonly grace: number;
  readonly timeoutStatus: number;
}

/** `batonlock run`: holds a lock while a command runs. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('hold a lock while a command runs')
    .argument('<name>', 'the lock')
    .argument('<command...>', 'what to run, after --')
    .usage('[options] <name> -- <command...>')
    .addOption(duration('--ttl <duration>', 'how soon a crash of ours frees the lock').default(30_000, '30s'))
    .addOption(
      duration('--wait <duration>', 'how long to wait in line').default(Number.POSITIVE_INFINITY, 'for ever'),
    )
    .option('--no-wait', 'do not wait at all')
    .addOption(
      duration('--grace <duration>', 'from TERM to KILL for the command when the lock is lost').default(
        5_000,
        '5s',
      ),
    )
    .addOption(
      new Option('-E, --timeout-status <code>', 'exit status when the lock is not to be had in time')
        .argParser(integer(0, 255))
        .default(EXIT.timeout),
    )
    .addHelpText('after', HELP);
  return withCommonOptions(command).action(async (name: string, words: string[], options: RunOptions) => {
    const [program = '', ...args] = words;
    const settings = {
      command: program,
      args,
      ttlMs: options.ttl,
      waitMs: options.wait === false ? 0 : options.wait,
      graceMs: options.grace,
      timeoutStatus: options.timeoutStatus,
    };
    const tell = options.json ? tellJson : tellPeople;
    process.exitCode = await connected(options, ({ client }) =>
      runHolding(client.creator(name), settings, tell),
    );
  });
}

const HELP = `
The command finds the lock's name in BATON_LOCK_NAME and its fencing token in BATON_FENCING_TOKEN.
Exit status: the command's; ${EXIT.timeout} (or -E) when the lock was not to be had in time; ${EXIT.lost} when it was lost; ${EXIT.usage} usage;
${EXIT.unavailable} the server cannot be asked; ${EXIT.notExecutable} and ${EXIT.notFound} the command cannot be run, or found.`;

function duration(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseDuration);
}

/** Only what goes wrong: the output of the command is what its caller wants to see. */
function tellPeople(event: HoldEvent): void {
  if (!('reason' in event)) return;
  const ending = event.event === 'lost' && event.running ? '; the command is ended' : '';
  say(printable(event.reason) + ending);
}

function tellJson(event: HoldEvent): void {
  process.stderr.write(`${JSON.stringify(event)}\n`);
}

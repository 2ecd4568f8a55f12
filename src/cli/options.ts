import { type Command, InvalidArgumentError, Option } from 'commander';

/** What every command takes. */
export interface CommonOptions {
  readonly url?: string;
  readonly prefix?: string;
  readonly json?: boolean;
}

/** Adds the options that every command takes. */
export function withCommonOptions(command: Command): Command {
  return withJson(command)
    .addOption(
      new Option(
        '--url <url>',
        'where the locks are: redis://, redlock://, etcd://, … (docs/engines.md)',
      ).env('BATON_URL'),
    )
    .option('--prefix <prefix>', 'what the keys begin with ("baton" unless your code says otherwise)');
}

/** Adds the option of machine-readable output. */
export function withJson(command: Command): Command {
  return command.option('--json', 'one JSON object on each line');
}

/** Parses an integer within bounds. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,16}$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be an integer of ${least} … ${most}.`);
  };
}

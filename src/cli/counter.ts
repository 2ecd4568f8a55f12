import { Command, Option } from 'commander';
import { connected } from './connection.ts';
import { parseDuration } from './duration.ts';
import { EXIT } from './exit-status.ts';
import { type CommonOptions, integer, withCommonOptions } from './options.ts';
import { print, printJson, say } from './output.ts';
import { printable } from './text.ts';

const HOUR_MS = 3_600_000;

/** `batonlock counter`: reads, sets and awaits a batch's countdown. */
export function counterCommand(): Command {
  return new Command('counter')
    .description("read, set or await a batch's countdown")
    .addCommand(getCommand())
    .addCommand(setCommand())
    .addCommand(waitCommand());
}

function getCommand(): Command {
  const command = new Command('get').description('print its value').argument('<name>', 'the counter');
  return withCommonOptions(command).action((name: string, options: CommonOptions) =>
    connected(options, async ({ client }) => {
      const value = await client.counter(name, { ttl: HOUR_MS }).get();
      const known = value >= 0;
      if (options.json) printJson({ name, value: known ? value : null });
      else if (known) print(String(value));
      else say(`there is no counter ${printable(name)}: it was never set, was deleted, or has expired`);
      if (!known) process.exitCode = EXIT.no;
    }),
  );
}

function setCommand(): Command {
  const command = new Command('set')
    .description('set it to a value; 0 releases who waits')
    .argument('<name>', 'the counter')
    .argument('<value>', 'how many items are left', integer(0, Number.MAX_SAFE_INTEGER))
    .addOption(
      new Option('--ttl <duration>', 'how long it lasts without a change')
        .argParser(parseDuration)
        .default(HOUR_MS, '1h'),
    );
  return withCommonOptions(command).action(
    (name: string, value: number, options: CommonOptions & { readonly ttl: number }) =>
      connected(options, async ({ client }) => {
        await client.counter(name, { ttl: options.ttl }).set(value);
        if (options.json) printJson({ name, value });
      }),
  );
}

function waitCommand(): Command {
  const command = new Command('wait')
    .description('wait until it is 0')
    .argument('<name>', 'the counter')
    .addOption(
      new Option('--wait <duration>', `how long; exit status ${EXIT.timeout} when that was not enough`)
        .argParser(parseDuration)
        .default(Number.POSITIVE_INFINITY, 'for ever'),
    );
  return withCommonOptions(command).action(
    (name: string, options: CommonOptions & { readonly wait: number }) =>
      connected(options, async ({ client }) => {
        const counter = client.counter(name, { ttl: HOUR_MS });
        // Who waits for ever would wait for a server that is not there as well, and nobody would be told.
        if (options.wait === Number.POSITIVE_INFINITY) await counter.get();
        await counter.wait(options.wait);
        if (options.json) printJson({ name, value: 0 });
      }),
  );
}

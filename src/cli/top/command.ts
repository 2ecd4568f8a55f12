import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { connected, listingOf } from '../connection.ts';
import { parseDuration } from '../duration.ts';
import { type CommonOptions, integer, withCommonOptions } from '../options.ts';
import { outputWidth, print, printJson } from '../output.ts';
import { bodyLines } from './frame.ts';
import { LiveTop } from './live.ts';
import { Survey } from './survey.ts';

const MOST_ROWS = 1_000;
const SHORTEST_INTERVAL_MS = 100;

interface TopOptions extends CommonOptions {
  readonly interval: number;
  readonly rows: number;
  readonly count: number;
}

/** `batonlock top`: the busiest locks, live on a terminal; when piped, or as JSON, a picture for each interval. */
export function topCommand(): Command {
  const command = new Command('top')
    .description('watch the busiest locks')
    .argument('[pattern]', 'what their names match, with *, ? and [ab]', '*')
    .addOption(
      new Option('--interval <duration>', 'how often what is shown is read anew')
        .argParser(interval)
        .default(1_000, '1s'),
    )
    .addOption(
      new Option('--rows <n>', 'how many locks, when piped').argParser(integer(1, MOST_ROWS)).default(20),
    )
    .addOption(
      new Option('--count <n>', 'how many pictures, when piped')
        .argParser(integer(1, Number.MAX_SAFE_INTEGER))
        .default(1),
    );
  return withCommonOptions(command).action((pattern: string, options: TopOptions) =>
    connected(options, async ({ client, backend }) => {
      const survey = new Survey(client, listingOf(backend), pattern, options.interval);
      const live = process.stdin.isTTY && process.stdout.isTTY && !options.json;
      try {
        if (live) await new LiveTop(client, survey, options.interval).run();
        else await takePictures(survey, options);
      } finally {
        survey.stop();
      }
    }),
  );
}

async function takePictures(
  survey: Survey,
  { interval: intervalMs, rows: most, count, json }: TopOptions,
): Promise<void> {
  for (let taken = 0; taken < count; taken++) {
    await survey.sweep();
    const names = survey.board.sorted('waiters', false, () => 0).slice(0, most);
    // A rate takes two looks.
    await survey.look(names);
    await sleep(intervalMs);
    await survey.look(names);
    // What went wrong with the looks, a sweep says by itself.
    const rows = survey.rows(names);
    const rateOf = (name: string): number => survey.grants.rateOf(name);
    const { size: locks, waiters } = survey.board;
    if (json) {
      const found = rows.map(({ name, lock }) => ({ ...lock, handoffsPerSecond: rateOf(name) }));
      printJson({ at: new Date().toISOString(), locks, waiters, rows: found });
      continue;
    }
    const view = { rows, rateOf, locks, waiters, now: performance.now(), width: outputWidth() };
    print(`${locks} locks, ${waiters} waiters`, ...bodyLines(view));
  }
}

function interval(text: string): number {
  const ms = parseDuration(text);
  if (ms >= SHORTEST_INTERVAL_MS) return ms;
  throw new InvalidArgumentError(`It must be at least ${SHORTEST_INTERVAL_MS} ms.`);
}

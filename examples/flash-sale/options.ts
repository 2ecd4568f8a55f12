import { parseArgs } from 'node:util';
import { CannotRun } from './sale.ts';

/** What the demo was asked to do. */
export interface DemoOptions {
  readonly help: boolean;
  /** Undefined for the memory backend. */
  readonly url: string | undefined;
  readonly buyers: number;
  readonly items: number;
  readonly processes: number;
}

export const USAGE = `Usage: npm run demo [-- options]

A flash sale, first without a lock and then with one.

  --redis URL      keep stock and lock in this Redis, buyers in several processes;
                   REDIS_URL in the environment does the same
  --buyers N       how many buyers come (5000)
  --items N        how many items there are (200)
  --processes N    over how many processes the buyers are spread, with Redis (4)
  --help           show this text

Exit status: 0 if the sale with the lock sold what there was, 1 if not, 2 if the demo could not run.`;

/** The command line is not understood. */
export class UsageError extends CannotRun {}

/** Reads the command line. Throws `UsageError`. */
export function readOptions(args: string[], environment: NodeJS.ProcessEnv): DemoOptions {
  const given = parse(args);
  const fromEnvironment = environment.REDIS_URL === '' ? undefined : environment.REDIS_URL;
  const url = given.redis ?? fromEnvironment;
  if (url !== undefined && !given.help) checkUrl(url, given.redis === undefined ? 'REDIS_URL' : '--redis');
  if (url === undefined && given.processes !== undefined) {
    throw new UsageError('--processes needs --redis or REDIS_URL: memory is not shared between processes');
  }
  return {
    help: given.help ?? false,
    url,
    buyers: readCount(given.buyers, 'buyers', 5_000, 100_000),
    items: readCount(given.items, 'items', 200, 100_000),
    processes: readCount(given.processes, 'processes', 4, 32),
  };
}

function parse(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        help: { type: 'boolean', short: 'h' },
        redis: { type: 'string' },
        buyers: { type: 'string' },
        items: { type: 'string' },
        processes: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    // What follows the first sentence is advice for programs that take positional arguments.
    const [sentence = ''] = String(error instanceof Error ? error.message : error).split(/\. |\.?\n/);
    throw new UsageError(sentence);
  }
}

/** The URL itself is not shown: it may hold a password. */
function checkUrl(url: string, origin: string): void {
  const parsed = /^rediss?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  // The path is the number of a database; ioredis takes down the process over anything else.
  if (!parsed?.hostname || !/^\/?\d*$/.test(parsed.pathname))
    throw new UsageError(`${origin} must be a URL such as redis://127.0.0.1:6379`);
}

function readCount(text: string | undefined, name: string, byDefault: number, most: number): number {
  if (text === undefined) return byDefault;
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) {
    throw new UsageError(`--${name} must be an integer of 1 … ${most}, got "${text}"`);
  }
  return count;
}

// Looks at any number of cases of hostile input: the same properties as the tests, with more runs.
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { type OutcomeApart, runApart } from './apart.ts';
import { CI_CASES, PROPERTIES } from './properties.ts';

const LARGEST_SEED = 2 ** 31 - 1;
const MOST_CASES = 1_000_000_000;

interface Options {
  readonly cases: number;
  readonly seed: number;
}

function integerOf(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`${least} … ${most}`);
  };
}

/** How many cases of each property there are to be, in the proportions of the tests; together so many. */
function shares(cases: number): number[] {
  let before = 0;
  let given = 0;
  return PROPERTIES.map((property) => {
    before += property.cases;
    const share = Math.round((cases * before) / CI_CASES) - given;
    given += share;
    return share;
  });
}

/** A live bar on a terminal; elsewhere only what comes of it counts. */
async function withProgress(
  title: string,
  cases: number,
  run: (onCases: (count: number) => void) => Promise<OutcomeApart>,
): Promise<OutcomeApart> {
  if (!process.stderr.isTTY) return run(() => {});
  const bar = new SingleBar({
    format: `  {bar} {percentage} %  {value} of {total}  {eta} s left  ${title}`,
    clearOnComplete: true,
    gracefulExit: false,
    stream: process.stderr,
  });
  bar.start(cases, 0);
  try {
    return await run((count) => bar.update(count));
  } finally {
    bar.stop();
  }
}

/** How many properties failed. */
async function runAll({ cases, seed }: Options): Promise<number> {
  const shared = shares(cases);
  let failures = 0;
  for (const [index, property] of PROPERTIES.entries()) {
    const { title } = property;
    const share = shared[index] ?? 0;
    const startedAt = performance.now();
    const outcome = await withProgress(title, share, (onCases) =>
      runApart(property, share, seed, { onCases }),
    );
    const foreign = outcome.foreign > 0 ? `; ${outcome.foreign} failures of ioredis itself` : '';
    const verdict = `${outcome.failure ? 'FAILED' : 'held'}${foreign}`;
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    console.log(`${outcome.cases} cases, ${title}: ${verdict} (${seconds} s, ${outcome.mebibytes} MiB)`);
    if (outcome.failure === undefined) continue;
    failures += 1;
    console.log(outcome.failure);
  }
  return failures;
}

const program = new Command('npm run hostile --')
  .description(
    'looks at cases of hostile input: arguments, names, URLs, replies and bytes; exit status 1 when one is not met',
  )
  .option('--cases <number>', 'how many, of all properties together', integerOf(100, MOST_CASES), CI_CASES)
  .option('--seed <number>', 'decides which', integerOf(0, LARGEST_SEED), Date.now() % LARGEST_SEED)
  .action(async (options: Options) => {
    // First, so that also a run that is broken off can be repeated.
    console.log(`seed ${options.seed}`);
    const failures = await runAll(options);
    const verdict =
      failures === 0 ? 'nothing unexpected' : `${failures} of ${PROPERTIES.length} properties FAILED`;
    console.log(`${options.cases} cases, ${verdict}`);
    process.exitCode = failures === 0 ? 0 : 1;
  });
await program.parseAsync();

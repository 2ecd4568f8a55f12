// Runs the suite on one version of Node after the other.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type Outcome, runOn } from './run.ts';

/** Every line that is, or is about to be, maintained, from the oldest that `engines` admits. */
const MAJORS = ['20', '22', '24', '26'];

interface Options {
  readonly node: readonly string[];
}

async function runAll(tests: readonly string[], { node }: Options): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'batonlock-matrix-'));
  try {
    let good = 0;
    for (const wanted of node) {
      const outcome = await runOn(wanted, tests, join(folder, `${wanted}.json`));
      console.log(lineOf(wanted, outcome));
      if (outcome.good) good += 1;
      else console.log(outcome.output);
    }
    console.log(`${good} of ${node.length} versions of Node pass`);
    return good === node.length;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lineOf(wanted: string, { version, passed, failed, skipped, seconds, good }: Outcome): string {
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`;
  return `Node ${version ?? wanted}: ${counts}: ${good ? 'good' : 'BAD'}`;
}

function versionsOf(text: string): string[] {
  const versions = text.split(',');
  if (versions.every((version) => /^\d+(\.\d+){0,2}$/.test(version))) return versions;
  throw new InvalidArgumentError('such as 20,22.16.0');
}

const program = new Command('npm run test:matrix --')
  .description('runs the suite on several versions of Node; exit status 1 unless all of it passes on each')
  .argument('[tests...]', 'only test files whose path contains one of these')
  .option('--node <versions>', 'these, separated by commas', versionsOf, MAJORS)
  .action(async (tests: string[], options: Options) => {
    process.exitCode = (await runAll(tests, options)) ? 0 : 1;
  });
await program.parseAsync();

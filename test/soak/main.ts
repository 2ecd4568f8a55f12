// Uses locks in every way there is for a long time, and looks whether anything is left of it.
import { writeFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { toTerminal } from '../../bench/reporting/table.ts';
import { heapLine, soakTables } from './report.ts';
import type { Sample, SoakRun } from './samples.ts';
import { type SoakSettings, soakSettings } from './settings.ts';
import { soak } from './soak.ts';
import { judge } from './verdict.ts';

const LARGEST_SEED = 2 ** 31 - 1;
const LONGEST_MINUTES = 24 * 60;

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly out?: string;
}

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= LONGEST_MINUTES) return minutes;
  throw new InvalidArgumentError(`more than 0, at most ${LONGEST_MINUTES}`);
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (Number.isInteger(seed) && seed >= 0 && seed < LARGEST_SEED) return seed;
  throw new InvalidArgumentError(`0 … ${LARGEST_SEED - 1}`);
}

/** A live bar on a terminal; elsewhere only the end counts. */
async function withProgress(settings: SoakSettings): Promise<SoakRun> {
  if (!process.stderr.isTTY) return soak(settings);
  const bar = new SingleBar({
    format: '  {bar} {percentage} %  {duration} s  {what}',
    clearOnComplete: true,
    gracefulExit: false,
    stream: process.stderr,
  });
  bar.start(Math.floor((settings.minutes * 60_000) / settings.sampleEveryMs), 0, { what: 'warming up' });
  const show = ({ grants, heapBytes, counts }: Sample) =>
    bar.increment({ what: `${grants} grants, heap ${heapBytes} bytes, ${counts.keys} keys` });
  try {
    return await soak(settings, show);
  } finally {
    bar.stop();
  }
}

const program = new Command('npm run soak --')
  .description(
    'uses locks in every way there is while connections and processes are killed; exit status 1 when anything is left of it',
  )
  .option('--minutes <number>', 'for how long; fractions will do', minutesOf, 10)
  .option('--seed <number>', 'decides what is done', seedOf, Date.now() % LARGEST_SEED)
  .option('--out <file>', 'where to write all samples, as JSON')
  .action(async ({ minutes, seed, out }: Options) => {
    const run = await withProgress(soakSettings(minutes, seed));
    const left = judge(run);
    if (out !== undefined) writeFileSync(out, `${JSON.stringify({ left, ...run }, undefined, 2)}\n`);
    for (const table of soakTables(run)) console.log(`${toTerminal(table)}\n`);
    console.log(`${heapLine(run)}; seed ${seed}`);
    console.log(left.length === 0 ? 'soak: everything is back' : `soak: NOT back: ${left.join('; ')}`);
    process.exitCode = left.length === 0 ? 0 : 1;
  });
await program.parseAsync();

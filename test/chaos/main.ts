// Runs chaos on one engine and has its histories judged by a program of its own.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { startProgress } from '../../bench/progress.ts';
import { ENGINES, type EngineName } from './engines.ts';
import { runChaos } from './run.ts';

interface Options {
  readonly engine: EngineName;
  readonly minutes: number;
  readonly seed: number;
  readonly keep?: string;
  readonly report?: boolean;
}

const JUDGE = fileURLToPath(new URL('./judge.ts', import.meta.url));
const LARGEST_SEED = 1_000_000_000;

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('a number above 0');
}

function seedOf(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= LARGEST_SEED) return value;
  throw new InvalidArgumentError(`1 … ${LARGEST_SEED}`);
}

async function chaos({ engine, minutes, seed, keep, report = false }: Options): Promise<number> {
  const folder = keep ?? mkdtempSync(join(tmpdir(), 'batonlock-chaos-'));
  mkdirSync(folder, { recursive: true });
  // Of two runs together nothing would be true.
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const progress = startProgress();
  try {
    await runChaos({
      engine,
      minutes,
      seed,
      folder,
      began: (kind) => {
        progress.expect(1);
        progress.step(kind);
      },
    });
    progress.stop();
    const args = ['--import', 'tsx', JUDGE, folder, ...(report ? ['--report'] : [])];
    return spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
  } finally {
    progress.stop();
    if (keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

const program = new Command('npm run chaos --')
  .description(
    'clients compete for locks while faults befall them and their servers; exit status 1 when a promise was broken',
  )
  .addOption(new Option('--engine <name>').choices(Object.keys(ENGINES)).default('redis'))
  .addOption(new Option('--minutes <number>').argParser(positive).default(2))
  .addOption(
    new Option('--seed <number>', 'decides which faults come when')
      .argParser(seedOf)
      .default(Math.ceil(Math.random() * LARGEST_SEED), 'a random one'),
  )
  .option('--keep <folder>', 'where to keep the histories, to be judged again')
  .option('--report', 'make it the run of docs/reliability-report.md')
  .action(async (options: Options) => {
    process.exitCode = await chaos(options);
  });
try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

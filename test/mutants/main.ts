// Applies one mutant after the other to a copy of the library, and runs the tests that must notice.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { MUTANTS } from './list.ts';
import type { Mutant } from './mutant.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const COPIED = ['src', 'test', 'docs', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const LONGEST_RUN_MS = 300_000;

async function copyOfLibrary(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'batonlock-mutants-'));
  for (const each of COPIED) await cp(join(ROOT, each), join(copy, each), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Whether one of the tests fails. Tests that hang have failed, too; they and the servers they started are ended. */
async function isKilled(copy: string, tests: readonly string[], patienceMs: number): Promise<boolean> {
  const files = tests.map((test) => `test/${test}`);
  const args = [VITEST, 'run', '--project', 'ioredis 6', '--bail', '1', ...files];
  // A group of its own, so that all of it can be ended.
  const child = spawn(process.execPath, args, {
    cwd: copy,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, patienceMs);
  const [status] = await once(child, 'close');
  clearTimeout(timer);
  if (status === 0) return false;
  // Anything else than a failed test, such as a file that is not there, proves nothing.
  if (!hung && !/Tests .*failed|Errors/.test(output)) throw new Error(output);
  return true;
}

async function judge(copy: string, mutant: Mutant): Promise<boolean> {
  const file = join(copy, 'src', mutant.file);
  const text = await readFile(file, 'utf8');
  if (text.split(mutant.code).length !== 2) throw new Error(`not there, or not once: ${mutant.code}`);
  try {
    await writeFile(
      file,
      text.replace(mutant.code, () => mutant.instead),
    );
    return await isKilled(copy, mutant.tests, LONGEST_RUN_MS);
  } finally {
    await writeFile(file, text);
  }
}

/** Of an option that may be given several numbers. */
function numberOf(text: string, before: readonly number[] = []): readonly number[] {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= MUTANTS.length) return [...before, number];
  throw new InvalidArgumentError(`1 … ${MUTANTS.length}`);
}

async function judgeAll(chosen: readonly Mutant[]): Promise<number> {
  const copy = await copyOfLibrary();
  let survivors = 0;
  const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))];
  try {
    // Tests that fail anyway would kill everything.
    if (await isKilled(copy, tests, tests.length * LONGEST_RUN_MS)) {
      throw new Error(`without any mutant, too, one of these fails: ${tests}`);
    }
    for (const mutant of chosen) {
      const killed = await judge(copy, mutant);
      if (!killed) survivors += 1;
      const number = MUTANTS.indexOf(mutant) + 1;
      console.log(`${number}. ${mutant.file}: ${mutant.what}: ${killed ? 'killed' : 'SURVIVES'}`);
    }
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  return survivors;
}

const program = new Command('npm run mutants --')
  .description(
    'takes out one rule of the protocol after the other; exit status 1 when the tests do not notice',
  )
  .option('--only <numbers...>', 'some of them', numberOf)
  .option('--list', 'only lists them')
  .action(async ({ only, list }: { only?: readonly number[]; list?: boolean }) => {
    if (list) {
      for (const [index, { file, what }] of MUTANTS.entries()) console.log(`${index + 1}. ${file}: ${what}`);
      return;
    }
    const chosen = only ? MUTANTS.filter((_, index) => only.includes(index + 1)) : MUTANTS;
    const survivors = await judgeAll(chosen);
    console.log(`${chosen.length - survivors} of ${chosen.length} mutants killed`);
    process.exitCode = survivors === 0 ? 0 : 1;
  });
await program.parseAsync();

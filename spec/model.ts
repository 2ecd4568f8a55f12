import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { figure } from '../bench/reporting/format.ts';
import { toTerminal } from '../bench/reporting/table.ts';
import { CHECKS, type Check } from './checks.ts';

const run = promisify(execFile);
const STEPS_DEEP = 500_000;
const LONGEST_CHECK_MS = 300_000;

/** What spin found. */
interface Verdict {
  /** What went wrong; undefined when nothing can. */
  readonly error: string | undefined;
  readonly states: number;
  readonly seconds: number;
}

/** Checks a model exhaustively, in an empty folder. */
async function verify({ model, defines, cycles }: Check, folder: string): Promise<Verdict> {
  const options = { cwd: folder, timeout: LONGEST_CHECK_MS, maxBuffer: 64 * 1024 * 1024 };
  const file = new URL(`./${model}.pml`, import.meta.url).pathname;
  await run('spin', ['-a', ...defines.map((define) => `-D${define}`), file], options);
  const search = cycles ? ['-DNP', '-DNFAIR=3'] : ['-DSAFETY'];
  await run('gcc', ['-O1', '-w', '-DCOLLAPSE', ...search, '-o', 'pan', 'pan.c'], options);
  const { stdout } = await run('./pan', [`-m${STEPS_DEEP}`, ...(cycles ? ['-l', '-f'] : [])], options);
  const states = Number(/(\d+) states, stored/.exec(stdout)?.[1] ?? Number.NaN);
  const errors = Number(/errors: (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
  // A search that was cut short has proven nothing.
  if (errors === 0 && /not completed|too small|truncated/.test(stdout)) throw new Error(stdout);
  if (!Number.isFinite(states + errors)) throw new Error(stdout);
  return {
    error: errors === 0 ? undefined : (/^pan:1: (.*?) \(at depth/m.exec(stdout)?.[1] ?? 'an error'),
    states,
    seconds: Number(/elapsed time ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN),
  };
}

async function checkAll(): Promise<boolean> {
  const rows: string[][] = [];
  let sound = true;
  for (const check of CHECKS) {
    const folder = await mkdtemp(join(tmpdir(), 'batonlock-model-'));
    try {
      const { error, states, seconds } = await verify(check, folder);
      const { refutedBy } = check;
      const asExpected = refutedBy === undefined ? error === undefined : error?.includes(refutedBy) === true;
      sound &&= asExpected;
      const verdict = error === undefined ? 'nothing can go wrong' : `refuted: ${error}`;
      rows.push([
        `${check.model}: ${check.what}`,
        figure(states),
        figure(seconds),
        asExpected ? verdict : `**${verdict}**`,
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  console.log(toTerminal({ title: 'Models', head: ['', 'states', 'seconds', 'verdict'], rows, words: true }));
  const bugs = CHECKS.filter(({ refutedBy }) => refutedBy !== undefined).length;
  console.log(
    sound
      ? `${CHECKS.length - bugs} checks hold, ${bugs} seeded bugs are refuted`
      : 'NOT AS EXPECTED, see what is between asterisks',
  );
  return sound;
}

try {
  process.exitCode = (await checkAll()) ? 0 : 1;
} catch (error) {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  console.error(missing ? 'spin and gcc are needed: apt-get install spin gcc libc6-dev' : error);
  process.exitCode = 1;
}

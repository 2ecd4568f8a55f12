import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { atExit } from './at-exit.ts';
import { chooseServers, type ServerChoice } from './choose-servers.ts';

/** One run of the tests, the demo or the benchmark: the way its servers start, and where they put their files. */
export interface TestRun {
  readonly choice: ServerChoice;
  readonly dir: string;
}

export const PID_FILE = 'pid';

// In the environment, because processes that tests start are part of the run, too.
const NOTE = 'BATON_TEST_RUN';

let own: Promise<TestRun> | undefined;

/** The run that this process belongs to; a process that belongs to none starts its own. */
export function currentRun(): Promise<TestRun> {
  const note = process.env[NOTE];
  if (note !== undefined) return Promise.resolve(JSON.parse(note) as TestRun);
  own ??= beginRun().then((run) => {
    atExit(() => sweep(run));
    return run;
  });
  return own;
}

/** Decides how servers start and notes it for this process and all that it starts. */
export async function beginRun(): Promise<TestRun> {
  const choice = await chooseServers();
  const run = { choice, dir: mkdtempSync(join(tmpdir(), 'batonlock-test-')) };
  process.env[NOTE] = JSON.stringify(run);
  return run;
}

/** Ends what processes that died by force left running, in containers or without, and removes the files. */
export async function endRun(run: TestRun): Promise<void> {
  sweep(run);
  if (run.choice.way !== 'container') return;
  const { removeContainers } = await import('./redis-container.ts');
  await removeContainers(runName(run));
}

/** The name under which the containers of the run are found. */
export function runName({ dir }: TestRun): string {
  return basename(dir);
}

/** The part of the end that a process can still do while it exits. */
function sweep({ dir }: TestRun): void {
  for (const name of readdirSync(dir)) killLeftover(join(dir, name));
  rmSync(dir, { recursive: true, force: true });
}

function killLeftover(serverDir: string): void {
  try {
    const pid = Number(readFileSync(join(serverDir, PID_FILE), 'utf8'));
    // The number may belong to somebody else by now; a process that works in that directory is ours.
    if (readlinkSync(`/proc/${pid}/cwd`) === serverDir) process.kill(pid, 'SIGKILL');
  } catch {
    // Nothing was left, or the system has no /proc.
  }
}

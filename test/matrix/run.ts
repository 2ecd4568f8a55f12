import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

/** What became of the suite on one version of Node. */
export interface Outcome {
  /** Such as 24.21.0; undefined when it could not even be installed. */
  readonly version: string | undefined;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly good: boolean;
  readonly output: string;
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

/** Runs the tests on that version, from npm's package `node`; child processes have it first on their PATH, too. */
export async function runOn(version: string, tests: readonly string[], reportFile: string): Promise<Outcome> {
  const startedAt = performance.now();
  // Not by the environment's own Node, should the package have failed to come.
  const told = await execute(version, ['-p', 'process.version']);
  const actual = /^v(\d+\.\d+\.\d+)$/m.exec(told.output)?.[1];
  const isRight = `${actual}.`.startsWith(`${version}.`);
  const { status, output } = isRight
    ? await execute(version, [VITEST, 'run', ...tests], { BATON_TEST_REPORT: reportFile })
    : told;
  const report = await readReport(reportFile);
  const skipped = report.numPendingTests + report.numTodoTests;
  const { numPassedTests: passed, numFailedTests: failed } = report;
  return {
    version: actual,
    passed,
    failed,
    skipped,
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    // A run that has tested nothing, or not all, proves nothing.
    good: isRight && status === 0 && passed > 0 && failed + skipped === 0,
    output,
  };
}

async function execute(
  version: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ status: number | null; output: string }> {
  const child = spawn('npx', ['-y', '-p', `node@${version}`, 'node', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

async function readReport(file: string): Promise<Report> {
  const none: Report = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  return readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => none,
  );
}

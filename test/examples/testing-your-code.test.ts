import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

it('the tests of the example pass, without taking the time that they are about', async () => {
  const file = 'examples/testing-your-code/billing.test.ts';
  const args = ['--import', 'tsx', '--test-reporter', 'tap', '--test', file];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  expect(stdout).toMatch(/^# pass 7$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
  // About two minutes by the clock of the kit.
  expect(Number(stdout.match(/duration_ms: ([\d.]+)\n\s+type: 'suite'/)?.[1])).toBeLessThan(20_000);
}, 60_000);

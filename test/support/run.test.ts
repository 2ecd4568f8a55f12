import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { answers } from './ask.ts';
import { type ClientProcess, spawnClient } from './client-process.ts';
import { endRun, type TestRun } from './run.ts';
import { until } from './wait.ts';

type Started = { type: 'started'; host: string; port: number };

describe('a server that its process forgot to stop', () => {
  let run: TestRun;
  let client: ClientProcess<Started>;
  let server: Started;

  beforeEach(async () => {
    run = { choice: inject('servers'), dir: mkdtempSync(join(tmpdir(), 'batonlock-test-')) };
    const file = new URL('./run.fixture.ts', import.meta.url);
    client = spawnClient(file, { env: { BATON_TEST_RUN: JSON.stringify(run) } });
    server = await client.next('started');
  });

  afterEach(async () => {
    await client.stop();
    await endRun(run);
    await until(async () => !(await answers(server)), { what: 'the server to be gone' });
    expect(existsSync(run.dir)).toBe(false);
  });

  /** A process cannot wait for a Docker engine while it exits; then the end of the run does it. */
  async function expectGoneWithoutSweep(): Promise<void> {
    if (run.choice.way === 'container') return;
    await until(async () => !(await answers(server)), { what: 'the server to be gone' });
  }

  it('goes when the process exits', async () => {
    client.send({ type: 'exit' });
    await client.exit;
    await expectGoneWithoutSweep();
  });

  it('goes when a signal ends the process, which still ends by that signal', async () => {
    client.kill('SIGTERM');
    expect(await client.exit).toEqual({ code: null, signal: 'SIGTERM' });
    await expectGoneWithoutSweep();
  });

  it('goes at the end of the run when the process had no time to end it', async () => {
    client.kill('SIGKILL');
    await client.exit;
    expect(await answers(server)).toBe(true);
  });
});

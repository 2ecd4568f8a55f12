import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connected } from '../../src/cli/connection.ts';
import { parseDuration, showDuration } from '../../src/cli/duration.ts';
import { main } from '../../src/cli/program.ts';
import { freePort } from '../support/free-port.ts';
import { run, start } from './command-line.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Runs it in this process, which is enough for what ends before anything is connected. */
async function runHere(
  url: string,
  ...args: string[]
): Promise<{ status: number; stdout: string; stderr: string }> {
  vi.stubEnv('BATON_URL', url);
  const [stdout, stderr] = [process.stdout, process.stderr].map((stream) => {
    return vi.spyOn(stream, 'write').mockReturnValue(true).mock.calls;
  });
  const status = await main(args);
  return { status, stdout: stdout!.join(''), stderr: stderr!.map(([text]) => String(text)).join('') };
}

describe('the command line', () => {
  it.each([
    { args: [], says: /Usage: batonlock/ },
    { args: ['lock'], says: /^batonlock: unknown command 'lock'/ },
    { args: ['ls', '--ttl', '3s'], says: /^batonlock: unknown option '--ttl'/ },
    { args: ['run'], says: /^batonlock: missing required argument 'name'/ },
    { args: ['run', 'job'], says: /^batonlock: missing required argument 'command'/ },
    {
      args: ['run', 'job', '--ttl', '30', '--', 'true'],
      says: /'30' is invalid. It must be a duration such as 500ms/,
    },
    {
      args: ['run', 'job', '--wait', '30d', '--', 'true'],
      says: /^batonlock: option '--wait <duration>' argument '30d' is invalid. It must be at most/,
    },
    {
      args: ['run', 'job', '--ttl', '5ms', '--', 'true'],
      says: /^batonlock: ttl must be an integer of 10 …/,
    },
    {
      args: ['run', 'job', '-E', '256', '--', 'true'],
      says: /'256' is invalid. It must be an integer of 0 … 255/,
    },
    { args: ['run', '', '--', 'true'], says: /^batonlock: name must be well-formed Unicode/ },
    { args: ['counter', 'set', 'batch', '-1'], says: /^batonlock: / },
    { args: ['break', 'job'], says: /^batonlock: there is no terminal to ask on: say --yes/ },
    { args: ['ls', '--url', 'http://host'], says: /^batonlock: url must be a URL that begins with redis:/ },
  ])('exits with 64 and says why: $args', async ({ args, says }) => {
    const { status, stdout, stderr } = await runHere('memory:', ...args);
    expect(stderr).toMatch(says);
    expect([status, stdout]).toEqual([64, '']);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it.each([
    { args: ['inspect', '--json'], message: /^missing required argument 'name'$/ },
    { args: ['nosuch', '--json'], message: /^unknown command 'nosuch'$/ },
    {
      args: ['run', 'job', '--json', '--wait', '1', '--', 'true'],
      message: /^option '--wait <duration>' arg/,
    },
    { args: ['counter', '--json'], message: /^unknown option '--json'$/ },
    { args: ['break', 'job', '--json'], message: /^there is no terminal to ask on/ },
    { args: ['inspect', '', '--json'], message: /^name must be/, code: 'ERR_LOCK_ARGUMENT' },
  ])('says why as JSON, if asked to: $args', async ({ args, message, code = 'ERR_USAGE' }) => {
    const { status, stdout, stderr } = await runHere('memory:', ...args);
    expect([status, stdout]).toEqual([64, '']);
    expect(JSON.parse(stderr)).toEqual({
      error: { code, message: expect.stringMatching(message) as string },
    });
  });

  it('leaves the --json of a command that it runs to that', async () => {
    const { stderr } = await runHere('memory:', 'run', 'job', '--wait', '1', '--', 'true', '--json');
    expect(stderr).toMatch(/^batonlock: option '--wait/);
  });

  it('takes no server for granted', async () => {
    const { status, stderr } = await runHere('', 'ls');
    expect([status, stderr]).toEqual([64, expect.stringContaining('by --url or in BATON_URL')]);
  });

  it.each([
    ['inspect', 'job'],
    ['ls'],
    ['watch', 'job'],
    ['counter', 'wait', 'batch'],
    ['counter', 'wait', 'batch', '--wait', '1s'],
    ['run', 'job', '--', 'true'],
  ])(
    'exits with 69 when the server cannot be asked, without the password: %s',
    async (...args) => {
      const url = `redis://user:secret@127.0.0.1:${await freePort()}`;
      await using line = start(url, ...args);
      expect([await line.exit, line.stderr]).toEqual([
        69,
        expect.stringMatching(/^batonlock: Redis does not answer: .*ECONNREFUSED/),
      ]);
      expect(line.stderr).not.toContain('secret');
    },
    60_000,
  );

  it('exits with 69 where the engine cannot list, and tells it as JSON if asked to', async () => {
    const { status, stderr } = await run('memory:', 'ls', '--json');
    expect(status).toBe(69);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'ERR_LOCK_UNSUPPORTED', message: 'a list of all locks cannot be had on memory' },
    });
    const quorum = await run('redlock://127.0.0.1:1', 'top');
    expect([quorum.status, quorum.stderr]).toEqual([
      69,
      expect.stringContaining('one of its servers: --url redis://'),
    ]);
  }, 120_000);

  it('tells its version, and helps', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await run('', '--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
    const { status, stdout } = await run('', 'run', '--help');
    expect([status, stdout]).toEqual([0, expect.stringContaining('BATON_FENCING_TOKEN')]);
  }, 120_000);
});

describe('what the commands work with', () => {
  it('tells what has gone wrong before its connections are ended, which can take long', async () => {
    let ending = false;
    const failing = connected({ url: 'memory:' }, async ({ client }) => {
      vi.spyOn(client, 'close').mockImplementation(() => {
        ending = true;
        return new Promise(() => {});
      });
      throw new Error('nobody answers');
    });
    await expect(failing).rejects.toThrow('nobody answers');
    expect(ending).toBe(true);
  });

  it('has ended its connections when it is done', async () => {
    let ended = false;
    await connected({ url: 'memory:' }, async ({ client }) => {
      vi.spyOn(client, 'close').mockImplementation(async () => {
        await setImmediate();
        ended = true;
      });
    });
    expect(ended).toBe(true);
  });
});

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['1.5s', 1_500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['2147483647ms', 2_147_483_647],
  ])('is read with its unit: %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['30', 's', '-1s', '1 s', '1e3s', '1y', '', 'Infinity', '1constructor'])(
    'is nothing else: "%s"',
    (text) => {
      expect(() => parseDuration(text)).toThrow('It must be a duration');
    },
  );

  it.each(['25d', '597h', '2147483648ms', '999999999999999d'])(
    'is none that a timer cannot wait: "%s"',
    (text) => {
      expect(() => parseDuration(text)).toThrow('It must be at most 2147483647ms');
    },
  );

  it.each([
    [-5, '0 ms'],
    [999, '999 ms'],
    [59_990, '59.9 s'],
    [60_000, '1 m 00 s'],
    [3_599_999, '59 m 59 s'],
    [7_260_000, '2 h 01 m'],
    [90_000_000, '1 d 01 h'],
  ])('of %d ms is shown as %s', (ms, text) => {
    expect(showDuration(ms)).toBe(text);
  });
});

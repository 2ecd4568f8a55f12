import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockCreator } from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/wait.ts';
import { codeBlocks, ROOT } from './code-blocks.ts';
import { withoutTokens } from './programs.ts';

const run = promisify(execFile);
const blocks = codeBlocks('docs/getting-started.md');
/** Blocks of a shell: those to be run one after the other, the one that starts a server, and those for two terminals. */
const commands = blocks.filter(({ language, file }) => language === 'sh' && file === undefined);
const starting = blocks.filter(({ language, file }) => language === 'sh' && file === 'server');
const terminals = blocks.filter(({ language, file }) => language === 'sh' && file === 'terminal');
/** The TTL in worker.ts. */
const TTL = 5_000;

/** What somebody sees who has typed a command into a terminal. */
class Terminal {
  readonly child: ChildProcess;
  output = '';

  constructor(command: string, cwd: string, env: NodeJS.ProcessEnv) {
    // A group of its own: Ctrl+C goes to all that the command has started.
    this.child = spawn('sh', ['-c', command], { cwd, env, detached: true });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (text) => (this.output += text));
  }

  /** Longer than the lease of a holder that has died. */
  async shows(text: string): Promise<void> {
    await until(() => this.output.includes(text), { what: text, timeout: 30_000 });
  }

  press(signal: NodeJS.Signals): void {
    if (this.child.pid === undefined) throw new Error('the command could not be started');
    process.kill(-this.child.pid, signal);
  }

  /** Ends what is left of it. */
  close(): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.press('SIGKILL');
  }
}

describe('who follows docs/getting-started.md word for word, in an empty folder', () => {
  const start = mkdtempSync(join(tmpdir(), 'batonlock-new-user-'));
  const folder = join(start, 'try-batonlock');
  const opened: Terminal[] = [];
  let server: RedisServer;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    server = await startRedis();
    env = { ...process.env, REDIS_URL: server.url };
  });
  afterAll(async () => {
    for (const terminal of opened) terminal.close();
    await server.stop();
    rmSync(start, { recursive: true });
  });

  function open(command = ''): Terminal {
    const terminal = new Terminal(command, folder, env);
    opened.push(terminal);
    return terminal;
  }

  it('is given commands that are all run here, in this order', () => {
    expect(commands.map(({ code }) => code.split('\n').length - 1)).toEqual([4, 1]);
    expect(starting).toHaveLength(1);
    expect(terminals.map(({ code }) => code)).toEqual([
      'npx tsx worker.ts Ann 20\n',
      'npx tsx worker.ts Ben 1\n',
    ]);
  });

  it('can install the package, and sees one process hand the lock on', async () => {
    const tarball = await pack(start);
    const [install, first] = commands.map(({ code }) => code);
    await run('sh', ['-ec', (install ?? '').replace('install batonlock', `install ${tarball}`)], {
      cwd: start,
    });
    for (const { file, language, code } of blocks) {
      if (language === 'ts' && file !== undefined) writeFileSync(join(folder, file), code);
    }
    const { stdout } = await run('sh', ['-ec', first ?? ''], { cwd: folder });
    const said = commands[1]?.output;
    expect(said).toContain('Ben has the lock');
    expect(withoutTokens(stdout)).toBe(withoutTokens(said ?? ''));
  }, 240_000);

  it('sees the other terminal get the lock when the first is done, and not before', async () => {
    // The work takes so long that there is time to change over to the other terminal; nobody has to do that here.
    const [ann, ben] = terminals.map(({ code }) => code.replace('20', '2'));
    const first = open(ann);
    await first.shows('Ann has the lock');
    const second = open(ben);
    await second.shows('Ben has the lock');
    expect(first.output).toContain('Ann is done');
    const [status] = await once(second.child, 'close');
    expect(status).toBe(0);
    expect(withoutTokens(second.output)).toBe('Ben has the lock, fencing token TOKEN\nBen is done\n');
  }, 60_000);

  it('sees it get the lock within the TTL of the first, when Ctrl+C has ended that', async () => {
    const [ann, ben] = terminals.map(({ code }) => code);
    const first = open(ann);
    await first.shows('Ann has the lock');
    const second = open(ben);
    const creator = new LockCreator('orders:42', server.url);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'Ben in line' });
    await creator.close();
    const pressedAt = performance.now();
    first.press('SIGINT');
    await second.shows('Ben has the lock');
    // A moment for a machine that has much to do; without the loss of the lease it would be 20 s.
    expect(performance.now() - pressedAt).toBeLessThan(TTL + 2_000);
    expect(first.output).not.toContain('Ann is done');
    await once(second.child, 'close');
  }, 60_000);
});

/** The package as `npm pack` makes it, built apart from what other tests may be building; gives its path. */
async function pack(folder: string): Promise<string> {
  const source = join(folder, 'package');
  mkdirSync(source);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'src']) {
    cpSync(join(ROOT, name), join(source, name), { recursive: true });
  }
  await run('npx', ['tsc', '-p', 'tsconfig.build.json', '--outDir', join(source, 'dist')], { cwd: ROOT });
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--silent'], { cwd: source });
  return join(source, stdout.trim());
}

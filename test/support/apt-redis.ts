import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 300_000;

/** The version of the `redis-server` on the PATH, or null when there is none. */
export async function redisOnPath(env: NodeJS.ProcessEnv): Promise<string | null> {
  try {
    const { stdout } = await run('redis-server', ['--version'], { env, timeout: 10_000 });
    return /v=(\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
  } catch {
    return null;
  }
}

/** Whether this is Debian or a descendant of it, and we are root. */
export async function canInstallRedis(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release);
}

/** Installs the package `redis-server` without starting its service. */
export async function installRedis(env: NodeJS.ProcessEnv): Promise<void> {
  // RUNLEVEL=1 has the package leave its service alone: the tests start their own servers.
  const options = {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    timeout: INSTALL_TIMEOUT_MS,
  };
  try {
    await run('apt-get', ['update'], options);
    await run('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], options);
  } catch (error) {
    throw new Error('test servers: apt-get could not install redis-server', { cause: error });
  }
}

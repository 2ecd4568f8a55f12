import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { canInstallRedis as canInstallPackages } from './apt-redis.ts';

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 300_000;

/** Packages of Debian that tests need, and how to tell whether what they need of them is there. */
export interface Wanted {
  readonly packages: readonly string[];
  /** A shell command that succeeds when it is there. */
  readonly present: string;
  /** What is missing otherwise, in words. */
  readonly what: string;
}

/** Makes sure that packages are there; installs them if we may, and says so. */
export async function findPackages(wanted: Wanted, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const { packages, what } = wanted;
  if (await isPresent(wanted, env)) return;
  if (!(await canInstallPackages())) {
    throw new Error(
      `test servers: no ${what}: install it, for instance with "apt-get install ${packages.join(' ')}"`,
    );
  }
  await install(wanted, env);
  if (!(await isPresent(wanted, env)))
    throw new Error(`test servers: no ${what}, not even after installing it`);
  console.log(`test servers: ${packages.join(' and ')} just installed with apt-get (no ${what})`);
}

async function isPresent({ present }: Wanted, env: NodeJS.ProcessEnv): Promise<boolean> {
  return run('sh', ['-c', present], { env }).then(
    () => true,
    () => false,
  );
}

/** Installs the packages without starting a service. One at a time on this machine: apt-get does not wait by itself. */
async function install({ packages, present, what }: Wanted, env: NodeJS.ProcessEnv): Promise<void> {
  const get = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const args = [join(tmpdir(), 'batonlock-apt.lock'), 'sh', '-c', `{ ${present}; } || { ${get}; }`];
  try {
    await run('flock', args, {
      // RUNLEVEL=1 has the package leave its service alone: the tests start their own servers.
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
      timeout: INSTALL_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(`test servers: apt-get could not install ${what}`, { cause: error });
  }
}

import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { canInstallRedis as canInstallPackages } from './apt-redis.ts';

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 300_000;
const PACKAGES = ['etcd-server', 'etcd-client'] as const;
const PRESENT = 'command -v etcd && command -v etcdctl';

let found: Promise<void> | undefined;

/** Makes sure that `etcd` and `etcdctl` are on the PATH; installs them if we may, and says so. */
export function findEtcd(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  found ??= find(env);
  return found;
}

async function find(env: NodeJS.ProcessEnv): Promise<void> {
  if (await isPresent(env)) return;
  if (!(await canInstallPackages())) {
    throw new Error(
      'test servers: no etcd and etcdctl on the PATH: install etcd 3.4 or newer, ' +
        `for instance with "apt-get install ${PACKAGES.join(' ')}"`,
    );
  }
  await install(env);
  if (!(await isPresent(env)))
    throw new Error('test servers: no etcd on the PATH, not even after installing it');
  console.log(`test servers: ${PACKAGES.join(' and ')} just installed with apt-get (no etcd on the PATH)`);
}

async function isPresent(env: NodeJS.ProcessEnv): Promise<boolean> {
  return run('sh', ['-c', PRESENT], { env }).then(
    () => true,
    () => false,
  );
}

/** Installs the packages without starting a service. One at a time on this machine: apt-get does not wait by itself. */
async function install(env: NodeJS.ProcessEnv): Promise<void> {
  const get = `apt-get update && apt-get install -y --no-install-recommends ${PACKAGES.join(' ')}`;
  const args = [join(tmpdir(), 'batonlock-apt.lock'), 'sh', '-c', `{ ${PRESENT}; } || { ${get}; }`];
  try {
    await run('flock', args, {
      // RUNLEVEL=1 has the package leave its service alone: the tests start their own servers.
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
      timeout: INSTALL_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error('test servers: apt-get could not install etcd', { cause: error });
  }
}

import { findPackages } from './apt-packages.ts';

const WANTED = {
  packages: ['etcd-server', 'etcd-client'],
  present: 'command -v etcd && command -v etcdctl',
  what: 'etcd and etcdctl of version 3.4 or newer on the PATH',
};

let found: Promise<void> | undefined;

/** Makes sure that `etcd` and `etcdctl` are on the PATH; installs them if we may, and says so. */
export function findEtcd(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  found ??= findPackages(WANTED, env);
  return found;
}

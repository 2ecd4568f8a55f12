import { Etcd3 } from 'etcd3';
import type { LockBackend } from '../core/backend.ts';
import { openEtcd } from './open.ts';
import type { EtcdBackendOptions } from './options.ts';

export type { EtcdBackendOptions } from './options.ts';

/**
 * Locks on etcd 3.4 or newer, in the layout of `etcdctl lock`, with which they exclude each other. `source` is one URL
 * or several, for one member or several each (`etcd://h1:2379,h2:2379`, `http://…`, `https://user:password@…`; the
 * connections are then ours and end with `close`), or your own `Etcd3` instance, which is neither changed nor closed.
 * The fence is the create revision: it rises for as long as the cluster keeps its data. With a capacity above 1 a key
 * holds if its units and those of all before it fit into the capacity. A holder that crashes blocks others for its TTL
 * in whole seconds, rounded up, and the moment that etcd takes to notice. Throws `LockArgumentError`.
 */
export function etcdBackend(
  source: string | readonly string[] | Etcd3,
  options?: EtcdBackendOptions,
): LockBackend {
  return openEtcd(Etcd3, source, options);
}

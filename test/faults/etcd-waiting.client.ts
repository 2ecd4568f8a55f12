// Holds a lock and waits in line for it until it is killed.
import { etcdBackend } from '../../src/etcd/backend.ts';
import { LockClient } from '../../src/index.ts';

const [url = '', name = '', ttl = ''] = process.argv.slice(2);
const creator = new LockClient(etcdBackend(url)).creator(name);
const lock = await creator.acquire(Number(ttl));
lock.autoRefresh();
void creator.acquire(Number(ttl));
process.send?.({ type: 'granted' });

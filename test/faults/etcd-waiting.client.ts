// Holds a lock, all units of it, and waits in line for it until it is killed.
import { etcdBackend } from '../../src/etcd/backend.ts';
import { LockClient } from '../../src/index.ts';

const [url = '', name = '', ttl = '', capacity = '1'] = process.argv.slice(2);
const share = { capacity: Number(capacity), units: Number(capacity) };
const creator = new LockClient(etcdBackend(url)).creator(name, share);
const lock = await creator.acquire(Number(ttl));
lock.autoRefresh();
void creator.acquire(Number(ttl));
process.send?.({ type: 'granted' });

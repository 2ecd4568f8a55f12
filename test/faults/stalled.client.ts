// Holds a lock with auto refresh, is stopped by a signal, and tells what it believes when it goes on.
import { LockClient, LockLostError } from '../../src/index.ts';

const [url = '', name = ''] = process.argv.slice(2);
const client = new LockClient(url);
const lock = (await client.creator(name).acquire(300)).autoRefresh();
const { signal } = lock;

const reasonOf = (error: unknown) => (error instanceof LockLostError ? error.reason : String(error));

signal.addEventListener('abort', async () => {
  let asserts = 'nothing';
  try {
    lock.assertHeld();
  } catch (error) {
    asserts = reasonOf(error);
  }
  const findings = {
    aborted: reasonOf(signal.reason),
    remaining: lock.remaining,
    asserts,
    held: await lock.isHeld(),
    refresh: await lock.refresh().then(() => 'refreshed', reasonOf),
  };
  process.send?.({ type: 'after', findings });
});
process.send?.({ type: 'held', fencingToken: lock.fencingToken });

// Asks in vain, closes, and must then exit by itself.
import { LockBackendError, LockClient } from '../../src/index.ts';

const client = new LockClient(process.argv[2] ?? '');
const error: unknown = await client
  .creator('unreachable')
  .acquire(1_000, 200)
  .catch((reason: unknown) => reason);
await client.close();
process.disconnect();
process.exitCode = error instanceof LockBackendError ? 0 : 1;

// Takes a lock, or gets in line for it, tells so, and keeps it until it is killed or told to end.
import { LockClient } from '../../src/index.ts';

export type FromHolder = { readonly type: 'asked' | 'holds' };

const [url = '', name = '', ttl = ''] = process.argv.slice(2);
const client = new LockClient(url);
process.on('SIGTERM', async () => {
  await client.close();
  process.exit(0);
});
const acquiring = client.creator(name).acquire(Number(ttl));
process.send?.({ type: 'asked' } satisfies FromHolder);
(await acquiring).autoRefresh();
process.send?.({ type: 'holds' } satisfies FromHolder);

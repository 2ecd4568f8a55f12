// Stands for election, says when it leads, and leads until it is killed.
import { backendFromUrl, LockClient } from '../../src/index.ts';

export type FromLeader = { readonly type: 'leads'; readonly owner: string; readonly fencingToken: number };

const [url = '', name = '', ttl = ''] = process.argv.slice(2);
const client = new LockClient(await backendFromUrl(url));
const { owner, fencingToken } = await client.election(name).campaign({ ttl: Number(ttl) });
process.send?.({ type: 'leads', owner, fencingToken } satisfies FromLeader);

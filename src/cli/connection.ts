import { backendFromUrl } from '../backend-from-url.ts';
import { LockClient } from '../client.ts';
import type { LockBackend } from '../core/backend.ts';
import type { LockListing } from '../core/listing.ts';
import { LockUnsupportedError } from '../errors.ts';
import { UsageError } from './exit-status.ts';
import type { CommonOptions } from './options.ts';

/** What the commands work with. */
export interface Connection {
  readonly client: LockClient;
  readonly backend: LockBackend;
}

/** The URL that was given. A default would let two who mean the same lock have it on different servers. */
export function urlOf({ url }: CommonOptions): string {
  if (url) return url;
  throw new UsageError(
    'say where the locks are, by --url or in BATON_URL, for instance redis://localhost:6379',
  );
}

/**
 * Does something with the locks behind the URL, and ends the connections. What goes wrong is not kept from whoever waits to be
 * told until these are ended: that takes a while where the server does not answer, and might have granted what we asked for.
 */
export async function connected<T>(
  options: CommonOptions,
  task: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { prefix } = options;
  const backend = await backendFromUrl(urlOf(options), prefix === undefined ? {} : { prefix });
  const client = new LockClient(backend);
  try {
    const result = await task({ client, backend });
    await client.close();
    return result;
  } catch (error) {
    // What it may fail with is no news after that.
    client.close().catch(() => {});
    throw error;
  }
}

/** Throws `LockUnsupportedError` where the engine cannot say which locks there are. */
export function listingOf({ kind, listing }: LockBackend): LockListing {
  if (listing) return listing;
  const hint = kind === 'redlock' ? ' (list those of one of its servers: --url redis://…)' : '';
  throw new LockUnsupportedError('a list of all locks', `${kind}${hint}`);
}

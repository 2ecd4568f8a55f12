import { Redis } from 'ioredis';
import { CannotRun } from './sale.ts';

/** Longest time to wait for a connection that can be used, and then for each answer, in ms. */
const PATIENCE_MS = 3_000;

/** A connection to the user's server. Rejects with `CannotRun` when there is none to be had. */
export async function connect(url: string): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PATIENCE_MS,
    commandTimeout: PATIENCE_MS,
    // For so long a connection that we end keeps the process alive, if the server does not end it too.
    disconnectTimeout: 100,
    // A demo whose server has gone has nothing to wait for.
    retryStrategy: () => null,
  });
  // What ioredis rejects with is only that the connection is closed; why, it tells listeners.
  let reason: Error | undefined;
  redis.on('error', (error: Error) => {
    reason ??= error;
  });
  const timer = setTimeout(() => {
    reason ??= new Error('it does not answer');
    redis.disconnect();
  }, PATIENCE_MS);
  try {
    await redis.connect();
    await redis.ping();
    // ioredis goes on without the database that the URL names; nobody asked for another.
    if (reason) throw reason;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw new CannotRun(`no use of Redis at ${new URL(url).host}: ${explain(reason ?? error)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** The text of an error, or its code where ioredis leaves the text empty. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}

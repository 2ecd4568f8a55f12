import { once } from 'node:events';
import { Redis } from 'ioredis';

/**
 * A connection that can subscribe. ioredis 5 sends a subscription ahead of the questions that it asks a new connection,
 * which the server then refuses to answer: it starts anew, deaf for a while.
 */
export async function startListener(url: string): Promise<Redis> {
  const listener = new Redis(url);
  await once(listener, 'ready');
  return listener;
}

import { expect, it } from 'vitest';
import { spawnClient } from '../support/client-process.ts';
import { startRedis } from '../support/redis-server.ts';

it('row 48: nothing is left of acquires that were granted, timed out, aborted, lost or closed', async () => {
  await using server = await startRedis();
  const file = new URL('./leaks.client.ts', import.meta.url);
  await using client = spawnClient<{ type: 'left'; open: unknown; closed: unknown }>(file, {
    args: [server.url],
  });
  const { open, closed } = await client.next('left');
  expect(open).toEqual({
    rejected: 5 * 401,
    held: 0,
    abortListeners: 0,
    // One inbox is kept; no watch, no queue.
    channels: 1,
    keys: [0, 1, 2, 3, 4].map((round) => `baton:{leaky-${round}}`),
  });
  expect(closed).toEqual({ listenersChanged: false, channels: 0 });
  expect(await client.exit).toEqual({ code: 0, signal: null });
});

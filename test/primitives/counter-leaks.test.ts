import { expect, it } from 'vitest';
import { spawnClient } from '../support/client-process.ts';
import { startRedis } from '../support/redis-server.ts';

it('nothing is left of waits that were released, timed out, aborted, rejected or closed', async () => {
  await using server = await startRedis();
  const file = new URL('./counter-leaks.client.ts', import.meta.url);
  await using client = spawnClient<{ type: 'left'; left: unknown }>(file, { args: [server.url] });
  const { left } = await client.next('left', 25_000);
  expect(left).toEqual({
    ends: {
      reached: 1_000,
      aborted: 1_000,
      ERR_LOCK_TIMEOUT: 1_000,
      // Of a deleted one: those who wait, and those who count down.
      ERR_COUNTER_EXPIRED: 2_000,
      ERR_LOCK_CLOSED: 200,
    },
    abortListeners: 0,
    listenersChanged: false,
    // With its TTL.
    counters: ['baton:{leaky}:counter'],
    channels: 0,
  });
  expect(await client.exit).toEqual({ code: 0, signal: null });
});

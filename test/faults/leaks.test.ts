import { expect, it } from 'vitest';
import { spawnClient } from '../support/client-process.ts';
import { startRedis } from '../support/redis-server.ts';

it.each([
  ['one server', 1],
  ['a quorum of servers', 3],
])(
  'row 48: nothing is left of acquires that were granted, timed out, aborted, lost or closed: %s',
  async (_, count) => {
    const servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
    const file = new URL('./leaks.client.ts', import.meta.url);
    await using client = spawnClient<{ type: 'left'; open: unknown; closed: unknown }>(file, {
      args: servers.map(({ url }) => url),
    });
    const { open, closed } = await client.next('left');
    const each = <T>(value: T): T[] => servers.map(() => value);
    expect(open).toEqual({
      rejected: 5 * 401,
      held: 0,
      abortListeners: 0,
      // One inbox is kept; no watch, no queue.
      channels: each(1),
      keys: each([0, 1, 2, 3, 4].map((round) => `baton:{leaky-${round}}`)),
    });
    expect(closed).toEqual({ listenersChanged: false, channels: each(0) });
    expect(await client.exit).toEqual({ code: 0, signal: null });
    for (const server of servers) await server.stop();
  },
);

import { describe, expect, it } from 'vitest';
import { spawnClient } from '../support/client-process.ts';
import { startEtcd } from '../support/etcd.ts';

interface Left {
  readonly type: 'left';
}

describe('row 48: nothing is left of acquires that were granted, timed out, aborted, lost or closed', () => {
  it.each(['url', 'own'])('on a connection from: %s', async (connection) => {
    await using etcd = await startEtcd();
    const file = new URL('./etcd-leaks.client.ts', import.meta.url);
    await using client = spawnClient<Left>(file, { args: [etcd.url, connection] });
    expect(await client.next('left')).toEqual({
      type: 'left',
      rejected: 3 * 41,
      listeners: 0,
      timers: 0,
      remaining: 0,
      left: [],
      usable: true,
    });
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });
});

import { expect, it } from 'vitest';
import { LockTimeoutError } from '../../src/index.ts';
import type { Stage } from './stage.ts';

/** Who has the lock, and that nobody else has it. */
export function exclusionCases(stage: Stage): void {
  it('grants a free lock at once', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(30_000, 1_000);
    expect(lock.name).toBe(stage.name);
    expect(lock.ttl).toBe(30_000);
    expect(lock.remaining).toBeGreaterThan(25_000);
    expect(lock.remaining).toBeLessThanOrEqual(30_000 - 302);
    expect(Number.isSafeInteger(lock.fencingToken)).toBe(true);
    expect(await creator.owner()).toBe(lock.owner);
    await lock.release();
    expect(await creator.isLocked()).toBe(false);
  });

  it('refuses a lock that is held, to another client and to the same', async () => {
    const first = stage.creator();
    const second = stage.creator();
    const lock = await first.acquire(30_000);
    expect(await second.tryAcquire(1_000)).toBeNull();
    expect(await first.tryAcquire(1_000)).toBeNull();
    await expect(second.acquire(1_000, 0)).rejects.toThrow(LockTimeoutError);
    await lock.release();
    const next = await second.tryAcquire(1_000);
    expect(next?.fencingToken).toBeGreaterThan(lock.fencingToken);
  });

  it('keeps names apart, however strange', async () => {
    const client = stage.client();
    const names = [
      'a',
      'a}',
      '}a',
      '{a}',
      '%7D',
      '}',
      '{',
      'a:queue',
      'a\0b',
      'ä',
      '漢字',
      ' ',
      'x'.repeat(512),
    ];
    const creators = await Promise.all(names.map((name) => stage.other(client, name)));
    const locks = await Promise.all(creators.map((creator) => creator.tryAcquire(30_000)));
    expect(locks.map((lock) => lock?.name)).toEqual(names);
    for (const creator of creators) expect((await creator.inspect()).holders).toHaveLength(1);
    // Different locks may be granted in any order.
    expect(client.held.map((lock) => lock.name).sort()).toEqual(names.sort());
  });

  it('keeps groups apart', async () => {
    const client = stage.client();
    const one = await (await stage.other(client, stage.name, { group: 'tenant-1' })).tryAcquire(30_000);
    const two = await (await stage.other(client, stage.name, { group: 'tenant-2' })).tryAcquire(30_000);
    expect(one?.name).toBe(`tenant-1/${stage.name}`);
    expect(two?.name).toBe(`tenant-2/${stage.name}`);
  });

  it('never lets two in at a time, and gives each a higher fencing token', async () => {
    const creators = [stage.creator(), stage.creator(), stage.creator()];
    const tokens: number[] = [];
    let inside = 0;
    let most = 0;
    const work = creators.flatMap((creator) =>
      Array.from({ length: 10 }, async () => {
        for (let round = 0; round < 5; round++) {
          const lock = await creator.acquire(30_000);
          inside += 1;
          most = Math.max(most, inside);
          tokens.push(lock.fencingToken);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
          await lock.release();
        }
      }),
    );
    await Promise.all(work);
    expect(most).toBe(1);
    expect(tokens).toHaveLength(150);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it('tries again with backoff, as often as asked', async () => {
    const holder = await stage.creator().acquire(30_000);
    const creator = stage.creator();
    expect(await creator.tryAcquire(1_000, { retries: 3, backoff: 2 })).toBeNull();
    const trying = creator.tryAcquire(1_000, { retries: 1_000, backoff: 5 });
    await holder.release();
    expect(await trying).not.toBeNull();
  });
}

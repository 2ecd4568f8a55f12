import assert from 'node:assert/strict';
import { LockTimeoutError } from '../../errors.ts';
import type { Stage } from './stage.ts';

/** Who has the lock, and that nobody else has it. */
export function exclusionCases(stage: Stage): void {
  const { it } = stage;
  it('grants a free lock at once', async () => {
    const creator = stage.creator();
    const lock = await creator.acquire(30_000, 1_000);
    assert.equal(lock.name, stage.name);
    assert.equal(lock.ttl, 30_000);
    assert.ok(lock.remaining > 25_000);
    assert.ok(lock.remaining <= 30_000 - 302);
    assert.equal(Number.isSafeInteger(lock.fencingToken), true);
    assert.equal(await creator.owner(), lock.owner);
    await lock.release();
    assert.equal(await creator.isLocked(), false);
  });

  it('refuses a lock that is held, to another client and to the same', async () => {
    const first = stage.creator();
    const second = stage.creator();
    const lock = await first.acquire(30_000);
    assert.equal(await second.tryAcquire(1_000), null);
    assert.equal(await first.tryAcquire(1_000), null);
    await assert.rejects(second.acquire(1_000, 0), LockTimeoutError);
    await lock.release();
    const next = await second.tryAcquire(1_000);
    assert.ok(next && next.fencingToken > lock.fencingToken);
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
    assert.deepEqual(
      locks.map((lock) => lock?.name),
      names,
    );
    for (const creator of creators) assert.equal((await creator.inspect()).holders.length, 1);
    // Different locks may be granted in any order.
    assert.deepEqual(client.held.map((lock) => lock.name).sort(), names.sort());
  });

  it('keeps groups apart', async () => {
    const client = stage.client();
    const one = await (await stage.other(client, stage.name, { group: 'tenant-1' })).tryAcquire(30_000);
    const two = await (await stage.other(client, stage.name, { group: 'tenant-2' })).tryAcquire(30_000);
    assert.equal(one?.name, `tenant-1/${stage.name}`);
    assert.equal(two?.name, `tenant-2/${stage.name}`);
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
    assert.equal(most, 1);
    assert.equal(tokens.length, 150);
    assert.deepEqual(
      tokens,
      [...new Set(tokens)].sort((a, b) => a - b),
    );
  });

  it('tries again with backoff, as often as asked', async () => {
    const holder = await stage.creator().acquire(30_000);
    const creator = stage.creator();
    assert.equal(await creator.tryAcquire(1_000, { retries: 3, backoff: 2 }), null);
    const trying = creator.tryAcquire(1_000, { retries: 1_000, backoff: 5 });
    await holder.release();
    assert.notEqual(await trying, null);
  });
}

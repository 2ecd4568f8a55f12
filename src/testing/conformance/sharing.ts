import assert from 'node:assert/strict';
import { LockArgumentError, LockTimeoutError } from '../../errors.ts';
import { capacityCases } from './capacity.ts';
import { Line } from './line.ts';
import { overtakingCases } from './overtaking.ts';
import { readWriteCases } from './read-write.ts';
import { severalHolderCases } from './several-holders.ts';
import type { Stage } from './stage.ts';

/** What only locks with room for several holders can do: semaphores and read-write locks. */
export function sharingCases(stage: Stage): void {
  permitCases(stage);
  capacityCases(stage);
  overtakingCases(stage);
  readWriteCases(stage);
  severalHolderCases(stage);
}

function permitCases(stage: Stage): void {
  const { it } = stage;
  const semaphore = (capacity: number) => stage.client().semaphore(stage.name, capacity);

  it('lets in as many as there are permits, and the others in the order of their arrival', async () => {
    const creators = [semaphore(3), semaphore(3), semaphore(3)] as const;
    const line = new Line(creators[0]);
    const held = [];
    for (const creator of creators) held.push(await creator.acquire(30_000, 1_000));
    const tokens = held.map((lock) => lock.fencingToken);
    assert.deepEqual(
      tokens,
      [...new Set(tokens)].sort((a, b) => a - b),
    );
    assert.equal(await creators[0].tryAcquire(1_000), null);
    await assert.rejects(creators[1].acquire(1_000, 0), LockTimeoutError);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const [place, name] of names.entries()) await line.join(name, creators[(place % 3) as 0 | 1 | 2]);
    for (const [done, lock] of held.entries()) {
      await lock.release();
      await line.grants(...names.slice(0, done + 1));
    }
    await line.shows([1, 1, 1], 3);
  });

  it('grants several units at once, and no more than are left', async () => {
    const one = semaphore(5);
    const other = semaphore(5);
    const three = await one.acquire(30_000, 1_000, { units: 3 });
    assert.equal(three.units, 3);
    assert.equal(await other.tryAcquire(30_000, { units: 3 }), null);
    const two = await other.tryAcquire(30_000, { units: 2 });
    assert.equal(two?.units, 2);
    assert.equal(await one.tryAcquire(30_000), null);
    await three.release();
    await other.using(30_000, 1_000, (lock) => assert.equal(lock.units, 3), { units: 3 });
    const again = await one.tryAcquire(30_000, { units: 3 });
    assert.equal(again?.units, 3);
  });

  it('refuses units and capacities out of bounds', async () => {
    const creator = semaphore(3);
    for (const units of [0, 4, 1.5, -1, Number.NaN]) {
      await assert.rejects(creator.acquire(1_000, 0, { units }), LockArgumentError, `${units} units`);
      await assert.rejects(creator.tryAcquire(1_000, { units }), LockArgumentError, `${units} units`);
    }
    await assert.rejects(stage.creator().acquire(1_000, 0, { units: 2 }), LockArgumentError);
    for (const capacity of [0, 2_147_483_648, 2.5])
      assert.throws(() => semaphore(capacity), LockArgumentError);
    const lock = await creator.acquire(30_000, 1_000, { units: 2 });
    for (const units of [0, 3, 1.5]) await assert.rejects(lock.downgrade(units), LockArgumentError);
    assert.equal(lock.units, 2);
  });

  it('never has more units out than there are, whoever asks for how many', async () => {
    const capacity = 5;
    const tokens = new Set<number>();
    let [out, most, inside, together] = [0, 0, 0, 0];
    const work = [semaphore(capacity), semaphore(capacity), semaphore(capacity)].flatMap((creator) =>
      Array.from({ length: 6 }, async () => {
        for (let round = 0; round < 8; round++) {
          const units = 1 + Math.floor(Math.random() * capacity);
          const lock = await creator.acquire(30_000, 30_000, { units });
          tokens.add(lock.fencingToken);
          out += units;
          inside += 1;
          most = Math.max(most, out);
          together = Math.max(together, inside);
          await new Promise((resolve) => setImmediate(resolve));
          out -= units;
          inside -= 1;
          await lock.release();
        }
      }),
    );
    await Promise.all(work);
    assert.ok(most <= capacity, `${most} units of ${capacity} were out`);
    assert.ok(together > 1, 'nobody shared it');
    assert.equal(tokens.size, 3 * 6 * 8);
  });

  it('keeps the order of the calls of one client, whatever they ask for', async () => {
    const creator = semaphore(4);
    const tokens: number[] = [];
    const use = async (place: number) => {
      const lock = await creator.acquire(30_000, 30_000, { units: 1 + (place % 4) });
      tokens[place] = lock.fencingToken;
      await lock.release();
    };
    await Promise.all(Array.from({ length: 100 }, (_, place) => use(place)));
    assert.equal(tokens.length, 100);
    assert.deepEqual(
      tokens,
      [...new Set(tokens)].sort((a, b) => a - b),
    );
  });

  it('keeps the fewest units of downgrades side by side, and lets nobody in for the others', async () => {
    const creator = semaphore(5);
    const lock = await creator.acquire(30_000, 1_000, { units: 5 });
    const line = new Line(creator);
    await line.join('four', semaphore(5), 4);
    await Promise.all([lock.downgrade(1), lock.downgrade(3)]);
    assert.equal(lock.units, 1);
    await line.grants('four');
    await line.shows([1, 4], 0);
  });

  it('hands on the units that run out, and leaves those of others alone', async () => {
    const creator = semaphore(3);
    const line = new Line(creator);
    const left = await semaphore(3).acquire(500, 1_000, { units: 2 });
    const kept = await creator.acquire(30_000);
    await line.join('a', semaphore(3));
    await line.join('b', semaphore(3));
    await line.join('c', semaphore(3));
    await line.grants('a', 'b');
    assert.equal(left.remaining, 0);
    await line.shows([1, 1, 1], 1);
    assert.equal(await kept.isHeld(), true);
    await kept.release();
    await line.grants('a', 'b', 'c');
  });

  it('hands on the units that a lease gives up, and keeps the others', async () => {
    const creator = semaphore(5);
    const line = new Line(creator);
    const lock = await creator.acquire(30_000, 1_000, { units: 5 });
    const first = await line.join('two', semaphore(5), 2);
    await line.join('three', semaphore(5), 3);
    await lock.downgrade(3);
    await line.grants('two');
    await line.shows([3, 2], 1);
    assert.equal(lock.units, 3);
    await lock.downgrade(3);
    await lock.refresh(20_000);
    assert.equal(lock.units, 3);
    await lock.downgrade();
    assert.equal(lock.units, 1);
    await line.shows([1, 2], 1);
    await (await first.lock).release();
    await line.grants('two', 'three');
    await line.shows([1, 3], 0);
  });
}

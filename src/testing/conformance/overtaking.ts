import assert from 'node:assert/strict';
import type { Lock } from '../../core/lock.ts';
import { LockClosedError, LockTimeoutError } from '../../errors.ts';
import { Line } from './line.ts';
import type { Stage } from './stage.ts';

/** Who asks for much is served as those who ask for little: in turn. */
export function overtakingCases(stage: Stage): void {
  const { it } = stage;
  const semaphore = (client = stage.client()) => client.semaphore(stage.name, 3);

  it('does not let small requests overtake a big one, however many keep coming', async () => {
    const creator = semaphore();
    const line = new Line(creator);
    const held: Lock[] = [];
    for (let i = 0; i < 3; i++) held.push(await creator.acquire(30_000));
    const big = await line.join('big', semaphore(), 3);
    const small = semaphore();
    const names: string[] = [];
    for (const [done, lock] of held.entries()) {
      names.push(`small ${done}`);
      await line.join(`small ${done}`, small);
      await lock.release();
      if (done === 2) break;
      // There is room for a small one, and the big one is before it.
      assert.equal(await small.tryAcquire(30_000), null);
      await line.shows(new Array(2 - done).fill(1), 2 + done);
      assert.deepEqual(line.granted, []);
    }
    await line.grants('big');
    await line.shows([3], 3);
    await (await big.lock).release();
    await line.grants('big', ...names);
  });

  it('grants the small ones at once when the big one before them gives up', async () => {
    const line = await behindABigOne();
    await line.big.leave();
    await line.smallOnesAreIn();
  });

  it('grants the small ones at once when the big one before them runs out of time', async () => {
    const line = await behindABigOne(700);
    await assert.rejects(line.big.lock, LockTimeoutError);
    await line.smallOnesAreIn();
  });

  it('grants the small ones at once when the client of the big one is closed', async () => {
    const line = await behindABigOne();
    const rejected = assert.rejects(line.big.lock, LockClosedError);
    await line.client.close();
    await rejected;
    await line.smallOnesAreIn();
  });

  it('leaves the big one its place when somebody behind it gives up', async () => {
    const { line, big, third, held } = await behindABigOne();
    await third.leave();
    await line.shows([1], 3);
    await held.release();
    await line.grants('big');
    await (await big.lock).release();
    await line.grants('big', 'first', 'second');
  });

  /** One unit of three is out; in line are a request for three, and three for one each. */
  async function behindABigOne(waitTimeout?: number) {
    const client = stage.client();
    const creator = semaphore();
    const line = new Line(creator);
    const held = await creator.acquire(30_000);
    const big = await line.join('big', semaphore(client), 3, waitTimeout);
    await line.join('first', semaphore());
    await line.join('second', semaphore());
    const third = await line.join('third', semaphore());
    const smallOnesAreIn = async () => {
      await line.grants('first', 'second');
      await line.shows([1, 1, 1], 1);
      await held.release();
      await line.grants('first', 'second', 'third');
    };
    return { line, client, big, third, held, smallOnesAreIn };
  }
}

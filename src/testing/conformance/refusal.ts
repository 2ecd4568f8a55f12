import assert from 'node:assert/strict';
import { LockUnsupportedError } from '../../errors.ts';
import type { Stage } from './stage.ts';

/** What a backend does that has only mutexes. */
export function refusalCases(stage: Stage): void {
  stage.it('are refused, but for the semaphore that is a mutex', async () => {
    const client = stage.client();
    assert.throws(() => client.semaphore(stage.name, 3), LockUnsupportedError);
    assert.throws(() => client.readWriteLock(stage.name), LockUnsupportedError);
    assert.notEqual(await client.semaphore(stage.name, 1).tryAcquire(1_000), null);
  });
}

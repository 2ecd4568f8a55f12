import { equal, ok } from 'node:assert/strict';
import { LockLostError } from 'batonlock';
import { lockConformance, type TestRunner, testKit } from 'batonlock/testing';

/** A lease that runs out on the kit's clock, with the very error class of the library, and the suite's cases. */
export async function use(): Promise<void> {
  await using kit = testKit();
  const lock = await kit.client().creator('orders:42').acquire(30_000);
  const { signal } = lock;
  await kit.clock.advance(30_000);
  ok(signal.reason instanceof LockLostError);
  equal(await kit.client().creator('orders:42').isLocked(), false);

  let cases = 0;
  const runner: TestRunner = {
    describe: (_title, body) => body(),
    it: () => {
      cases += 1;
    },
    beforeEach: () => {},
    afterEach: () => {},
    beforeAll: () => {},
    afterAll: () => {},
  };
  lockConformance({ title: 'memory', connect: () => kit.backend(), start() {}, stop() {} }, runner);
  ok(cases > 0);
}

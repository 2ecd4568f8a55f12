import type { TestKit } from '../../src/testing/kit.ts';

/** Whether it is settled when all has happened that needs no time. */
export async function settled(kit: TestKit, promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const settle = () => {
    done = true;
  };
  promise.then(settle, settle);
  await kit.clock.advance(0);
  return done;
}

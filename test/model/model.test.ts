import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { histories, MEMBERS, MOST_STANDSTILL_MS, type Model, type Real, stepsOf } from './commands.ts';
import { Coverage } from './coverage.ts';
import { countsUnlessStopped } from './standstill.ts';
import { memoryWorld, redisWorld } from './world.ts';

describe.each([memoryWorld(), redisWorld()])('$title', (world) => {
  beforeAll(() => world.start());
  afterAll(() => world.stop());

  it('rows 10, 30, 31: behaves as a mutex with a line, whatever happens in whatever order', async () => {
    let runs = 0;
    const coverage = new Coverage();
    const property = () =>
      fc.assert(
        fc.asyncProperty(histories(world.faults), async (history) => {
          runs += 1;
          const members = await Promise.all(Array.from({ length: MEMBERS }, () => world.connect()));
          const model: Model = { next: 0, line: [], ended: [], dead: 0 };
          const real: Real = {
            name: `model-${runs}`,
            members,
            connect: () => world.connect(),
            attempts: new Map(),
            lastToken: 0,
          };
          try {
            const run = () => fc.asyncModelRun(() => ({ model, real }), history);
            if (await countsUnlessStopped(MOST_STANDSTILL_MS, run)) coverage.note(history);
          } finally {
            for (const { promise, abort } of real.attempts.values()) {
              abort.abort('over');
              await promise.then((lock) => lock.release()).catch(() => {});
            }
            for (const member of real.members) await member.close();
          }
        }),
        { numRuns: 40, endOnFailure: true },
      );
    await coverage.complete(property, stepsOf(world.faults), 200);
  }, 180_000);
});

import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { MOST_UNITS } from '../../src/core/arguments.ts';
import { supportsCapacity } from '../support/supports.ts';
import { Coverage } from './coverage.ts';
import { MEMBERS, MOST_STANDSTILL_MS, SHARE_STEPS, shareHistories } from './share-commands.ts';
import { Model, type Real, type Resource } from './share-model.ts';
import { countsUnlessStopped } from './standstill.ts';
import { memoryWorld, redisWorld } from './world.ts';

const worlds = [memoryWorld(), redisWorld()].filter(({ folder }) => supportsCapacity(folder));

const semaphore = fc.integer({ min: 2, max: 5 }).map((capacity): Resource => {
  return { capacity, sizes: Array.from({ length: capacity }, (_, index) => index + 1) };
});
const readWriteLock = fc.constant<Resource>({ capacity: MOST_UNITS, sizes: [1, MOST_UNITS] });

describe.each(worlds)('$title', (world) => {
  beforeAll(() => world.start());
  afterAll(() => world.stop());

  it('behaves as units with a line, whatever happens in whatever order', async () => {
    let runs = 0;
    const coverage = new Coverage();
    const property = () =>
      fc.assert(
        fc.asyncProperty(fc.oneof(semaphore, readWriteLock), shareHistories(), async (resource, history) => {
          runs += 1;
          const members = await Promise.all(Array.from({ length: MEMBERS }, () => world.connect()));
          const model = new Model(resource);
          const name = `shares-${runs}`;
          const real: Real = { name, members, attempts: new Map(), seen: new Set(), lastToken: 0 };
          try {
            const run = () => fc.asyncModelRun(() => ({ model, real }), history);
            if (await countsUnlessStopped(MOST_STANDSTILL_MS, run)) coverage.note(history);
          } finally {
            for (const { promise, abort } of real.attempts.values()) {
              abort.abort('over');
              await promise.then((lock) => lock.release()).catch(() => {});
            }
            for (const member of members) await member.close();
          }
        }),
        { numRuns: 30, endOnFailure: true },
      );
    await coverage.complete(property, SHARE_STEPS, 200);
  }, 180_000);
});

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { histories, MEMBERS, type Model, type Real } from './commands.ts';
import { memoryWorld, redisWorld } from './world.ts';

describe.each([memoryWorld(), redisWorld()])('$title', (world) => {
  beforeAll(() => world.start());
  afterAll(() => world.stop());

  it('rows 10, 30, 31: behaves as a mutex with a line, whatever happens in whatever order', async () => {
    let runs = 0;
    const done = new Map<string, number>();
    await fc.assert(
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
          await fc.asyncModelRun(() => ({ model, real }), history);
          for (const step of String(history).matchAll(/(\w+)\(/g))
            done.set(step[1]!, (done.get(step[1]!) ?? 0) + 1);
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
    const steps = [...done.values()].reduce((sum, count) => sum + count, 0);
    expect(steps).toBeGreaterThan(200);
  }, 180_000);
});

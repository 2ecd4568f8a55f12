import { describe, expect, it } from 'vitest';
import { runApart } from './apart.ts';
import { PROPERTIES as circles } from './circles.ts';
import { CI_CASES, PROPERTIES, type Property } from './properties.ts';

const LONGEST_MS = 120_000;

describe('hostile input', () => {
  it('is looked at in 20 000 cases', () => {
    expect(CI_CASES).toBe(20_000);
  });

  it('that makes something go round in circles is told, with where that was', async () => {
    const module = new URL('./circles.ts', import.meta.url);
    const options = { module, properties: circles, patienceMs: 2_000 };
    const [ours, foreign] = circles as [Property, Property];
    const told = await runApart(ours, 5, 1, options);
    expect(told.failure).toMatch(/it does not come to an end[\s\S]*at circles .*circles\.ts/);
    expect(told.cases).toBe(3);
    // The next two are looked at by another process.
    const passed = await runApart(foreign, 5, 1, options);
    expect(passed.failure).toBeUndefined();
    expect(passed).toMatchObject({ cases: 5, foreign: 1 });
  });

  it.each(PROPERTIES)(
    '$title ($cases cases)',
    async (property) => {
      const { cases, failure } = await runApart(property, property.cases, Date.now() % 2 ** 31);
      expect(failure).toBeUndefined();
      expect(cases).toBe(property.cases);
    },
    LONGEST_MS,
  );
});

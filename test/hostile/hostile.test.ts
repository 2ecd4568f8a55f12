import { describe, expect, it } from 'vitest';
import { CI_CASES, PROPERTIES } from './properties.ts';
import { runProperty } from './run.ts';

const LONGEST_MS = 120_000;

describe('hostile input', () => {
  it('is looked at in 20 000 cases', () => {
    expect(CI_CASES).toBe(20_000);
  });

  it.each(PROPERTIES)(
    '$title ($cases cases)',
    async (property) => {
      const { cases, failure } = await runProperty(property, property.cases, Date.now() % 2 ** 31);
      expect(failure).toBeUndefined();
      expect(cases).toBe(property.cases);
    },
    LONGEST_MS,
  );
});

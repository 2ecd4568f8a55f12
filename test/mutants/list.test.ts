import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MUTANTS } from './list.ts';

const file = (path: string) => new URL(`../../${path}`, import.meta.url);

// Running them takes long; a mutant of code that has moved on is noticed here.
it.each(MUTANTS)('mutant "$what" is of code that is there, once, and names tests', (mutant) => {
  const text = readFileSync(file(`src/${mutant.file}`), 'utf8');
  expect(text.split(mutant.code)).toHaveLength(2);
  expect(mutant.instead).not.toBe(mutant.code);
  expect(mutant.tests).not.toHaveLength(0);
  for (const test of mutant.tests) expect(existsSync(file(`test/${test}`))).toBe(true);
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PAGES } from '../../bench/engines/docs.ts';
import { readEngines } from '../../bench/engines/run.ts';
import { PRIMITIVE_PAGES } from '../../bench/primitives/docs.ts';
import { readPrimitives } from '../../bench/primitives/run.ts';
import { withSection } from '../../bench/reporting/readme.ts';

/** Each page with figures, and what the committed run says should stand there. */
const WITH_FIGURES = [
  ...PAGES.map(({ file, section }) => ({ file, expected: () => section(committed(readEngines())) })),
  ...PRIMITIVE_PAGES.map(({ file, section }) => ({
    file,
    expected: () => section(committed(readPrimitives())),
  })),
].map((page) => ({ ...page, name: page.file.pathname.split('/').at(-1) }));

describe.each(WITH_FIGURES)('docs/$name', ({ file, expected }) => {
  it('has the figures of the committed run', () => {
    const text = readFileSync(file, 'utf8');
    expect(withSection(text, expected())).toBe(text);
  });
});

function committed<T>(results: T | undefined): T {
  if (!results) throw new Error('no run has been committed');
  return results;
}

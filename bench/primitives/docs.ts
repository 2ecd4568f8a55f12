import { readFileSync, writeFileSync } from 'node:fs';
import { withSection } from '../reporting/readme.ts';
import { type PrimitiveResults, readPrimitives } from './run.ts';
import { counterSection, sharesSection } from './tables.ts';

/** The pages with figures of primitives, and what stands between their markers. */
export const PRIMITIVE_PAGES: readonly {
  readonly file: URL;
  readonly section: (results: PrimitiveResults) => string;
}[] = [
  { file: new URL('../../docs/semaphore.md', import.meta.url), section: sharesSection },
  { file: new URL('../../docs/counter.md', import.meta.url), section: counterSection },
];

export function updatePrimitiveDocs(results: PrimitiveResults | undefined = readPrimitives()): void {
  if (!results) throw new Error('no run has been committed yet');
  for (const { file, section } of PRIMITIVE_PAGES)
    writeFileSync(file, withSection(readFileSync(file, 'utf8'), section(results)));
}

import { readFileSync, writeFileSync } from 'node:fs';
import { withSection } from '../reporting/readme.ts';
import { type PrimitiveResults, readPrimitives } from './run.ts';
import { counterSection, electionSection, resumeSection, severalSection, sharesSection } from './tables.ts';

const DOCS = new URL('../../docs/', import.meta.url);

/** The pages with figures of primitives, and what stands between their markers. */
export const PRIMITIVE_PAGES: readonly {
  readonly file: URL;
  readonly section: (results: PrimitiveResults) => string;
}[] = [
  { file: new URL('semaphore.md', DOCS), section: sharesSection },
  { file: new URL('counter.md', DOCS), section: counterSection },
  { file: new URL('election.md', DOCS), section: electionSection },
  { file: new URL('several-locks.md', DOCS), section: severalSection },
  { file: new URL('handing-over.md', DOCS), section: resumeSection },
];

export function updatePrimitiveDocs(results: PrimitiveResults | undefined = readPrimitives()): void {
  if (!results) throw new Error('no run has been committed yet');
  for (const { file, section } of PRIMITIVE_PAGES)
    writeFileSync(file, withSection(readFileSync(file, 'utf8'), section(results)));
}

import { readFileSync, writeFileSync } from 'node:fs';
import { withSection } from '../reporting/readme.ts';
import { type EngineResults, readEngines } from './run.ts';
import { enginesSection, scaleSection } from './tables.ts';

/** The pages with figures of the engines, and what stands between their markers. */
export const PAGES: readonly { readonly file: URL; readonly section: (results: EngineResults) => string }[] =
  [
    { file: new URL('../../docs/engines.md', import.meta.url), section: enginesSection },
    { file: new URL('../../docs/scale.md', import.meta.url), section: scaleSection },
  ];

export function updateDocs(results: EngineResults | undefined = readEngines()): void {
  if (!results) throw new Error('no run has been committed yet');
  for (const { file, section } of PAGES)
    writeFileSync(file, withSection(readFileSync(file, 'utf8'), section(results)));
}

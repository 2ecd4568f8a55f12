import type { Counts } from './samples.ts';

/** What is there more often than before, or less, and by how much. */
export function differences(before: Counts, after: Counts): [what: string, by: number][] {
  const all = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...all]
    .map((what): [string, number] => [what, (after[what] ?? 0) - (before[what] ?? 0)])
    .filter(([, by]) => by !== 0);
}

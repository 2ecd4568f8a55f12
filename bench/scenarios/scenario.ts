import type { Bench } from '../bench.ts';

/** One of the things that are measured. */
export interface Scenario<Result> {
  readonly title: string;
  /** How often it will call `progress.step`. */
  steps(bench: Bench): number;
  run(bench: Bench): Promise<Result>;
}

/** Adds to a list under a key. */
export function collect<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

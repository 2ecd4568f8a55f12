import type { Verdict } from './bounds.ts';
import type { Stage } from './stage.ts';

/** One argument of one public call. */
export interface Entry {
  readonly title: string;
  /** What errors call it; empty where that depends on the value. */
  readonly argument: string;
  /** What the documentation says of a value. */
  accepts(value: unknown, stage: Stage): Verdict;
  call(stage: Stage, value: never): unknown;
  /** The value is a function of the caller's, which may fail in any way. */
  readonly ownErrors?: boolean;
}

/** One argument of several calls. */
export function all(
  argument: string,
  accepts: Entry['accepts'],
  calls: Record<string, Entry['call']>,
): Entry[] {
  return Object.entries(calls).map(([call, make]) => {
    return { title: argument === '' ? call : `${call} (${argument})`, argument, accepts, call: make };
  });
}

/** Of an argument that may be left out. */
export function orNone(accepts: (value: unknown) => Verdict): (value: unknown) => Verdict {
  return (value) => value === undefined || accepts(value);
}

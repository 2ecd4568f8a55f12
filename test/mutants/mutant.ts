/** One rule of the protocol taken out, and where that must show. */
export interface Mutant {
  readonly what: string;
  /** In `src`. */
  readonly file: string;
  /** Stands there once. */
  readonly code: string;
  readonly instead: string;
  /** Test files, in `test`, of which one at least must fail. */
  readonly tests: readonly string[];
}

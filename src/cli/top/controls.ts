import { SORTS, type Sort } from './board.ts';
import { rowsIn } from './frame.ts';

/** What somebody at the keys has chosen. */
export interface Choices {
  readonly sort: Sort;
  readonly reverse: boolean;
  /** The lock that is selected; it stays so when the order changes. */
  readonly selected: string | undefined;
  /** The lock that is shown instead of the rows. */
  readonly inspected: string | undefined;
  /** The lock that is about to be broken, unless the next key says otherwise. */
  readonly doomed: string | undefined;
}

/** What is left to do for a key, beyond another choice. */
export type Deed = { readonly do: 'quit' } | { readonly do: 'break'; readonly name: string };

export const FIRST_CHOICES: Choices = {
  sort: 'waiters',
  reverse: false,
  selected: undefined,
  inspected: undefined,
  doomed: undefined,
};

/** What a key does. `names` are all locks in the order of the rows, `height` is that of the terminal. */
export function press(
  choices: Choices,
  key: string,
  names: readonly string[],
  height: number,
): { readonly choices: Choices; readonly deed?: Deed } {
  if (key === 'ctrl-c') return { choices, deed: { do: 'quit' } };
  const { doomed } = choices;
  if (doomed !== undefined) {
    const spared = { ...choices, doomed: undefined };
    return key === 'y' ? { choices: spared, deed: { do: 'break', name: doomed } } : { choices: spared };
  }
  const step = stepOf(key, rowsIn(height));
  if (step !== undefined) return { choices: { ...choices, selected: moved(choices.selected, names, step) } };
  switch (key) {
    case 'q':
      return { choices, deed: { do: 'quit' } };
    case 's':
      return {
        choices: { ...choices, sort: SORTS[(SORTS.indexOf(choices.sort) + 1) % SORTS.length] ?? 'name' },
      };
    case 'r':
      return { choices: { ...choices, reverse: !choices.reverse } };
    case 'i':
    case 'return':
      return {
        choices: { ...choices, inspected: choices.inspected === undefined ? choices.selected : undefined },
      };
    case 'escape':
      return { choices: { ...choices, inspected: undefined } };
    case 'b':
      return { choices: { ...choices, doomed: choices.inspected ?? choices.selected } };
    default:
      return { choices };
  }
}

/** By how many rows a key moves the selection. */
function stepOf(key: string, page: number): number | undefined {
  const steps: Record<string, number> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    pageup: -page,
    pagedown: page,
    home: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
  };
  return steps[key];
}

function moved(selected: string | undefined, names: readonly string[], step: number): string | undefined {
  const from = selected === undefined ? -1 : names.indexOf(selected);
  return names[Math.min(names.length - 1, Math.max(0, from + step))];
}

import stringWidth from 'string-width';

/** Anything that would move the cursor, change colours or hide: a name may be any Unicode. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;
/** Of which each character is one column wide; most names are, and a live table has many. */
const PLAIN = /^[ -~]*$/;

/** A text as it may be shown on a terminal. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text);
}

/** Cut, with an ellipsis, to at most so many columns. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width <= 0) return '';
  if (PLAIN.test(text)) return `${text.slice(0, width - 1)}…`;
  let kept = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Cut or filled up to exactly so many columns. */
export function toWidth(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const kept = cut(text, width);
  const blank = ' '.repeat(Math.max(0, width - widthOf(kept)));
  return align === 'left' ? kept + blank : blank + kept;
}

import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Prints lines for people. */
export function print(...lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** Prints each value as one line of JSON. */
export function printJson(...values: readonly unknown[]): void {
  print(...values.map((value) => JSON.stringify(value)));
}

/** What is neither the answer nor part of it. */
export function say(text: string): void {
  process.stderr.write(`batonlock: ${text}\n`);
}

/** In colour on a terminal that has some, unless NO_COLOR is set; plain when piped. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** How wide what we print may be: the terminal, or anything when piped. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** Whoever reads our output may stop reading: `batonlock ls | head`. */
export function exitWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

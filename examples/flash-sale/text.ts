import { styleText } from 'node:util';

const colourful = process.stdout.isTTY && !process.env.NO_COLOR;

/** A number with its thousands apart: 5 000. */
export function figure(value: number, decimals = 0): string {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString('en', digits).replaceAll(',', ' ');
}

/** Text with a colour or weight, on terminals that show it. */
export function styled(style: 'bold' | 'red' | 'green', text: string): string {
  return colourful ? styleText(style, text) : text;
}

import { unexpectedReply } from './errors.ts';

/** The whole number that a server answered; undefined for anything else. With the option `stringNumbers` they come as strings. */
export function integerIn(reply: unknown): number | undefined {
  const number = typeof reply === 'string' && /^-?\d{1,16}$/.test(reply) ? Number(reply) : reply;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}

/** What a script says by one of the numbers 0 … `most`. Throws `LockBackendError` for anything else. */
export function outcomeIn(reply: unknown, most: number, lockName: string): number {
  const outcome = integerIn(reply);
  if (outcome === undefined || outcome < 0 || outcome > most) throw unexpectedReply(reply, lockName);
  return outcome;
}

/** Digits of a server time in µs, and so of a fence. */
export const TIME_DIGITS = 16;

/** Whether a number may be a fencing token. */
export function isFence(value: number): boolean {
  return value > 0 && Number.isSafeInteger(value);
}

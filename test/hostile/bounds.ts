import { types } from 'node:util';

/** Whether a value is to be accepted; undefined where the documentation leaves it to more than the value. */
export type Verdict = boolean | undefined;

/** In other words than those of the library, which is what is put to the test. */
export function isName(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const bytes = Buffer.from(value);
  // What is not well-formed does not come back.
  return bytes.length >= 1 && bytes.length <= 512 && bytes.toString() === value;
}

/** For a name of one letter. */
export function isGroup(value: unknown): boolean {
  return isName(value) && !String(value).includes('/') && isName(`${value}/x`);
}

export function isInteger(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Math.floor(value) === value && value >= least && value <= most;
}

export function isWaitTimeout(value: unknown): boolean {
  return (
    typeof value === 'number' && value >= 0 && (value <= 2_147_483_647 || value === Number.POSITIVE_INFINITY)
  );
}

/** Proxies may be one or not. */
export function isSignal(value: unknown): Verdict {
  if (typeof value !== 'object' || value === null) return false;
  if (types.isProxy(value)) return undefined;
  if (Object.getPrototypeOf(value) !== AbortSignal.prototype) return false;
  try {
    return typeof (value as AbortSignal).aborted === 'boolean';
  } catch {
    return false;
  }
}

/** Whether it is an object in which none of these options is to be found. What is found may be right or wrong. */
export function isOptions(...names: string[]): (value: unknown) => Verdict {
  return (value) => {
    if (value === undefined) return true;
    if (typeof value !== 'object' || value === null) return false;
    if (types.isProxy(value)) return undefined;
    if (isSignal(value)) return false;
    try {
      return names.every((name) => Reflect.get(value, name) === undefined) ? true : undefined;
    } catch {
      return false;
    }
  };
}

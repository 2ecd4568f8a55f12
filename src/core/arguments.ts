import { LockArgumentError } from '../errors.ts';

const SHORTEST_TTL_MS = 10;
const LONGEST_MS = 2_147_483_647;
const LONGEST_NAME_BYTES = 512;
/** The largest capacity. */
export const MOST_UNITS = 2_147_483_647;
const NAME_BOUNDS = `well-formed Unicode of 1 to ${LONGEST_NAME_BYTES} bytes in UTF-8`;

/** Options of every call that waits. */
export interface WaitOptions {
  /** Ends the wait; the call rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Options of everything that has a name. */
export interface GroupOptions {
  /** Puts the name into a group: the lock is then named `<group>/<name>`. */
  group?: string;
}

/** Names: every accepted one maps to its own key. Lone surrogates would collide in UTF-8. */
export function checkName(value: unknown, argument = 'name'): string {
  if (typeof value !== 'string' || value === '' || tooLong(value) || !value.isWellFormed()) {
    throw new LockArgumentError(argument, value, NAME_BOUNDS);
  }
  return value;
}

/** The name of a lock, with its group if it has one. */
export function checkLockName(name: unknown, group: unknown, argument = 'name'): string {
  const checked = checkName(name, argument);
  return group === undefined ? checked : checkName(`${checkGroup(group)}/${checked}`, `group/${argument}`);
}

function tooLong(name: string): boolean {
  return name.length > LONGEST_NAME_BYTES || Buffer.byteLength(name) > LONGEST_NAME_BYTES;
}

export function checkTtl(value: unknown, argument = 'ttl'): number {
  return checkInteger(value, argument, SHORTEST_TTL_MS, LONGEST_MS, 'ms');
}

export function checkWaitTimeout(value: unknown, argument = 'waitTimeout'): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  if (typeof value !== 'number' || !(value >= 0 && value <= LONGEST_MS)) {
    throw new LockArgumentError(argument, value, `a number of 0 … ${LONGEST_MS} ms, or Infinity`);
  }
  return value;
}

export function checkInteger(
  value: unknown,
  argument: string,
  least: number,
  most: number,
  unit: string,
): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new LockArgumentError(argument, value, `an integer of ${least} … ${most} ${unit}`.trimEnd());
  }
  return value;
}

/** How many units a resource has, or somebody takes of it. */
export function checkUnits(value: unknown, argument: string, most = MOST_UNITS): number {
  return checkInteger(value, argument, 1, most, '');
}

/** A duration in whole ms, up to the longest TTL. */
export function checkDuration(value: unknown, argument: string, least = 1): number {
  return checkInteger(value, argument, least, LONGEST_MS, 'ms');
}

export function checkFunction(value: unknown, argument: string): void {
  if (typeof value !== 'function') throw new LockArgumentError(argument, value, 'a function');
}

export function checkFlag(value: unknown, argument: string): boolean {
  if (typeof value !== 'boolean') throw new LockArgumentError(argument, value, 'true or false');
  return value;
}

/**
 * Option objects: a typo such as passing a bare number must not be taken for "no options". `names` are the options there are.
 * Each is read here, once, so that one that is a getter can neither throw later nor become another after its check.
 */
export function checkOptions<T extends object, K extends keyof T & string>(
  value: T | undefined,
  names: readonly K[],
  argument = 'options',
): Partial<Pick<T, K>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || isAbortSignal(value)) {
    throw new LockArgumentError(argument, value, 'an object or undefined');
  }
  return readProperties(value, names, (cause) => {
    return new LockArgumentError(argument, value, 'an object whose properties can be read', { cause });
  });
}

/** Reads each property once; those that are undefined are left out. Throws what `refused` makes of a getter's error. */
export function readProperties<T extends object, K extends keyof T & string>(
  from: T,
  names: readonly K[],
  refused: (cause: unknown) => Error,
): Partial<Pick<T, K>> {
  const read: Partial<Pick<T, K>> = {};
  try {
    for (const name of names) {
      const value = from[name];
      if (value !== undefined) read[name] = value;
    }
  } catch (cause) {
    throw refused(cause);
  }
  return read;
}

/** A copy of an array of at most `most` members, each read once; undefined for anything else. */
export function copyArray(value: unknown, most: number): unknown[] | undefined {
  try {
    if (!Array.isArray(value)) return undefined;
    const { length } = value;
    return length <= most ? Array.from({ length }, (_, index) => value[index] as unknown) : undefined;
  } catch {
    return undefined;
  }
}

export function checkSignal(value: AbortSignal | undefined): AbortSignal | undefined {
  if (value !== undefined && !isAbortSignal(value)) {
    throw new LockArgumentError('signal', value, 'an AbortSignal or undefined');
  }
  return value;
}

/** As `instanceof`, which some proxies make throw. */
export function isInstance<T>(value: unknown, type: abstract new (...given: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Not what only has the prototype of one, and would throw when it is asked. */
function isAbortSignal(value: unknown): value is AbortSignal {
  try {
    return value instanceof AbortSignal && typeof value.aborted === 'boolean';
  } catch {
    return false;
  }
}

/** A group is the part of a name before the first slash, so it cannot hold one itself. */
export function checkGroup(value: unknown): string {
  const group = checkName(value, 'group');
  if (group.includes('/')) throw new LockArgumentError('group', value, `${NAME_BOUNDS}, without "/"`);
  return group;
}

/** Whether a value has these methods, whatever made it. */
export function hasMethods(value: unknown, names: readonly string[]): value is object {
  return names.every((name) => typeof propertyOf(value, name) === 'function');
}

/** Undefined also when it cannot be read. */
export function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
}

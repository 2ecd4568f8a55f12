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

/** Option objects: a typo such as passing a bare number must not be taken for "no options". */
export function checkOptions<T extends object>(value: T | undefined, argument = 'options'): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || value instanceof AbortSignal) {
    throw new LockArgumentError(argument, value, 'an object or undefined');
  }
  return value;
}

export function checkSignal(value: AbortSignal | undefined): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw new LockArgumentError('signal', value, 'an AbortSignal or undefined');
  }
  return value;
}

/** A group is the part of a name before the first slash, so it cannot hold one itself. */
export function checkGroup(value: unknown): string {
  const group = checkName(value, 'group');
  if (group.includes('/')) throw new LockArgumentError('group', value, `${NAME_BOUNDS}, without "/"`);
  return group;
}

/** Whether a value has these methods, whatever made it. */
export function hasMethods(value: unknown, names: readonly string[]): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}

import { checkInteger, checkOptions } from '../core/arguments.ts';
import { DRIFT_FACTOR } from '../core/deadline.ts';
import { LockArgumentError } from '../errors.ts';
import {
  REDIS_OPTIONS,
  type RedisBackendOptions,
  type RedisSettings,
  redisSettings,
} from '../redis/options.ts';

const OPTIONS = [...REDIS_OPTIONS, 'quorum', 'driftFactor'] as const;
const LARGEST_DRIFT_FACTOR = 0.5;
const COMMAND_TIMEOUT_MS = 1_000;

/** Options of `redlockBackend`: those of `redisBackend`, which hold for each server, and what concerns all. */
export interface RedlockBackendOptions extends Omit<RedisBackendOptions, 'replicas'> {
  /** Longest time to wait for the answer to one command, in ms; then the others do without that server. 1 s by default. */
  commandTimeout?: number;
  /** How many servers have to agree: an integer, more than half of them … all. Just more than half by default. */
  quorum?: number;
  /** How far clocks may run apart, as a part of the TTL that is not used: above 0 … 0.5. 0.01 by default. */
  driftFactor?: number;
}

export interface RedlockSettings extends RedisSettings {
  readonly quorum: number;
  readonly driftFactor: number;
}

/** Checks the options for so many servers and fills in the defaults. */
export function redlockSettings(servers: number, options?: RedlockBackendOptions): RedlockSettings {
  const read = checkOptions<RedlockBackendOptions & RedisBackendOptions, (typeof OPTIONS)[number]>(
    options,
    OPTIONS,
  );
  const { quorum, driftFactor = DRIFT_FACTOR, replicas, ...given } = read;
  if (replicas !== undefined)
    throw new LockArgumentError('replicas', replicas, 'left out: servers confirm each other');
  const most = Math.floor(servers / 2) + 1;
  const valid = typeof driftFactor === 'number' && driftFactor > 0 && driftFactor <= LARGEST_DRIFT_FACTOR;
  if (!valid) {
    const bounds = `a number above 0, up to ${LARGEST_DRIFT_FACTOR}`;
    throw new LockArgumentError('driftFactor', driftFactor, bounds);
  }
  return {
    ...redisSettings({ commandTimeout: COMMAND_TIMEOUT_MS, ...given }),
    quorum: quorum === undefined ? most : checkInteger(quorum, 'quorum', most, servers, 'servers'),
    driftFactor,
  };
}

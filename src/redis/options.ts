import { checkDuration, checkOptions } from '../core/arguments.ts';
import { checkClientName } from '../core/owner.ts';
import { LockArgumentError } from '../errors.ts';

/** Options of `redisBackend`. */
export interface RedisBackendOptions {
  /** What all keys and channels begin with: printable ASCII without spaces or braces. `baton` by default. */
  prefix?: string;
  /** Shown in inspections: 1 to 64 letters, digits, ".", "_" or "-". The host's name by default. */
  clientName?: string;
  /** How long a fence outlives the lease, in ms, so that it rises even when the clock goes back. 1 h by default. */
  fenceRetention?: number;
  /** Longest time between two pokes of a waiting client, in ms, at least 100. 30 s by default. */
  safetyNet?: number;
  /** Longest time to wait for the answer to one command, in ms. 5 s by default. */
  commandTimeout?: number;
}

export interface RedisSettings {
  readonly prefix: string;
  readonly clientName: string | undefined;
  readonly fenceRetentionMs: number;
  readonly safetyNetMs: number;
  readonly commandTimeoutMs: number;
}

const PREFIX = /^[!-z|~]{1,128}$/;
const HOUR_MS = 3_600_000;

/** Checks the options and fills in the defaults. */
export function redisSettings(options?: RedisBackendOptions): RedisSettings {
  const given = checkOptions(options);
  const prefix = given.prefix ?? 'baton';
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw new LockArgumentError(
      'prefix',
      prefix,
      '1 to 128 printable ASCII characters without spaces or braces',
    );
  }
  return {
    prefix,
    clientName: checkClientName(given.clientName),
    fenceRetentionMs: checkDuration(given.fenceRetention ?? HOUR_MS, 'fenceRetention'),
    safetyNetMs: checkDuration(given.safetyNet ?? 30_000, 'safetyNet', 100),
    commandTimeoutMs: checkDuration(given.commandTimeout ?? 5_000, 'commandTimeout', 10),
  };
}

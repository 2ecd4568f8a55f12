import { availableParallelism } from 'node:os';
import { checkDuration, checkFlag, checkInteger, checkOptions } from '../core/arguments.ts';
import { checkClientName } from '../core/owner.ts';
import { LockArgumentError } from '../errors.ts';

/** Options of `redisBackend`. */
export interface RedisBackendOptions {
  /** What all keys and channels begin with: printable ASCII without spaces or braces. `baton` by default. */
  prefix?: string;
  /** Shown in inspections: 1 to 64 letters, digits, ".", "_" or "-". The host's name by default. */
  clientName?: string;
  /**
   * How long a fence outlives the lease, in ms, so that it rises even when the clock goes back; and how long a counter's latest
   * request of each client is kept, so that it does not count again when it is sent again. 1 h by default.
   */
  fenceRetention?: number;
  /** Longest time between two pokes of a waiting client, in ms, at least 100. 30 s by default. */
  safetyNet?: number;
  /** Longest time to wait for the answer to one command, in ms. 5 s by default. */
  commandTimeout?: number;
  /**
   * Whether the event loop stays awake, for some 0.1 ms at most, while nothing but the answer to an acquire or a release is waited
   * for, where these follow each other without a pause. With a server on the same machine a pair takes some two thirds as long then,
   * for a little more of the processor. It is left off by itself where answers take longer, somebody is in line, or others need the processor.
   * On by default where there is more than one processor.
   */
  spin?: boolean;
  /**
   * A grant counts only when so many replicas have it (WAIT), so that it survives a failover. Not on a cluster. A grant that
   * fewer confirm in time is given back, and the acquire rejects with `ReplicationError`. The time comes on top of the
   * wait timeout; what else is acquired meanwhile waits as well. Off by default.
   */
  replicas?: ReplicaOptions;
}

/** How many replicas a grant has to reach, and within which time. */
export interface ReplicaOptions {
  /** How many replicas, at least 1. */
  count: number;
  /** How long to wait for them, in ms, at least 1. 1 s by default. */
  timeout?: number;
}

export interface ReplicaSettings {
  readonly count: number;
  readonly timeoutMs: number;
}

export interface RedisSettings {
  readonly prefix: string;
  readonly clientName: string | undefined;
  readonly fenceRetentionMs: number;
  readonly safetyNetMs: number;
  readonly commandTimeoutMs: number;
  readonly spin: boolean;
  readonly replicas: ReplicaSettings | undefined;
}

/** The names of all options. */
export const REDIS_OPTIONS = [
  'prefix',
  'clientName',
  'fenceRetention',
  'safetyNet',
  'commandTimeout',
  'spin',
  'replicas',
] as const;

const PREFIX = /^[!-z|~]{1,128}$/;
const MOST_REPLICAS = 1_000;
const HOUR_MS = 3_600_000;

/** Checks the options and fills in the defaults. */
export function redisSettings(options?: RedisBackendOptions): RedisSettings {
  const { prefix = 'baton', ...given } = checkOptions(options, REDIS_OPTIONS);
  const { fenceRetention = HOUR_MS, safetyNet = 30_000, commandTimeout = 5_000 } = given;
  // On a single one nobody could answer while we stay awake.
  const { spin = availableParallelism() > 1 } = given;
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
    fenceRetentionMs: checkDuration(fenceRetention, 'fenceRetention'),
    safetyNetMs: checkDuration(safetyNet, 'safetyNet', 100),
    commandTimeoutMs: checkDuration(commandTimeout, 'commandTimeout', 10),
    spin: checkFlag(spin, 'spin'),
    replicas: replicaSettings(given.replicas),
  };
}

function replicaSettings(options: ReplicaOptions | undefined): ReplicaSettings | undefined {
  if (options === undefined) return undefined;
  const { count, timeout = 1_000 } = checkOptions(options, ['count', 'timeout'], 'replicas');
  return {
    count: checkInteger(count, 'replicas.count', 1, MOST_REPLICAS, ''),
    timeoutMs: checkDuration(timeout, 'replicas.timeout', 1),
  };
}

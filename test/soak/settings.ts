import type { RedisBackendOptions } from '../../src/index.ts';

export interface SoakSettings {
  readonly seed: number;
  readonly minutes: number;
  readonly sampleEveryMs: number;
  /** How long everything goes on before the first look. */
  readonly warmUpMs: number;
  /** How long what is kept for good measure is kept: fences, and queues that nobody visits. */
  readonly retentionMs: number;
}

const LONGEST_INTERVAL_MS = 5_000;
const LONGEST_WARM_UP_MS = 30_000;
const SHORTEST_WARM_UP_MS = 2_000;
const LONGEST_RETENTION_MS = 2_000;
const SHORTEST_RETENTION_MS = 300;

/** A short soak looks more often, and keeps less. */
export function soakSettings(minutes: number, seed: number): SoakSettings {
  const durationMs = minutes * 60_000;
  return {
    seed,
    minutes,
    sampleEveryMs: Math.min(LONGEST_INTERVAL_MS, durationMs / 20),
    warmUpMs: clamp(durationMs / 10, SHORTEST_WARM_UP_MS, LONGEST_WARM_UP_MS),
    retentionMs: Math.round(clamp(durationMs / 100, SHORTEST_RETENTION_MS, LONGEST_RETENTION_MS)),
  };
}

/** As all processes of a soak have them: what is left behind on purpose goes soon. */
export function backendOptions(retentionMs: number): RedisBackendOptions {
  return { fenceRetention: retentionMs, safetyNet: retentionMs };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

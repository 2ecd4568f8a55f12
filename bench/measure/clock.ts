import { setTimeout as pause } from 'node:timers/promises';

/** Now in µs, by the monotonic clock of the machine: comparable between processes, to within a µs. */
export function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}

/** Resolves at an instant of that clock, or at once when it has passed. */
export async function atUs(instantUs: number): Promise<void> {
  // A timer counts whole ms, and may come early by a part of one.
  for (let left = instantUs - nowUs(); left > 0; left = instantUs - nowUs()) await pause(left / 1_000);
}

/** CPU time of this process so far, in µs: all its threads, user and system. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * What all workers saw of one lock, one entry for each acquisition, instants in µs of the machine's clock. They are
 * taken outside of the calls, `granted` after and `released` before, so that of a lock that works no two holds
 * overlap.
 */
export interface Hold {
  /** Before the acquire call. */
  readonly asked: number;
  /** When the acquire's promise had resolved. */
  readonly granted: number;
  /** Before the release call. */
  readonly released: number;
  readonly fence?: number;
  /** Which process it was. */
  readonly process: number;
}

export function byGrant(holds: readonly Hold[]): Hold[] {
  return [...holds].sort((a, b) => a.granted - b.granted);
}

/** Pairs of neighbours of which the second held before the first had let go, or is not past it by its fence. */
export function overlaps(holds: readonly Hold[]): { byTime: number; byFence: number } {
  const ordered = byGrant(holds);
  let byTime = 0;
  let byFence = 0;
  let latestRelease = Number.NEGATIVE_INFINITY;
  let highestFence = Number.NEGATIVE_INFINITY;
  for (const { granted, released, fence } of ordered) {
    if (granted < latestRelease) byTime += 1;
    latestRelease = Math.max(latestRelease, released);
    if (fence === undefined) continue;
    if (fence <= highestFence) byFence += 1;
    highestFence = Math.max(highestFence, fence);
  }
  return { byTime, byFence };
}

/** From the release call to the next acquire's return, in µs, where the next was waiting in another process. */
export function handoffs(holds: readonly Hold[]): number[] {
  const ordered = byGrant(holds);
  return ordered.flatMap((next, index) => {
    const before = ordered[index - 1];
    if (!before || next.process === before.process || next.asked >= before.released) return [];
    return [next.granted - before.released];
  });
}

/** From each release to the first grant after it, in µs, of all processes together. */
export function nextGrants(
  all: readonly { granted: readonly number[]; released: readonly number[] }[],
): number[] {
  const granted = all.flatMap((each) => each.granted).sort((a, b) => a - b);
  const released = all.flatMap((each) => each.released).sort((a, b) => a - b);
  let next = 0;
  return released.flatMap((instant) => {
    while (next < granted.length && (granted[next] ?? 0) <= instant) next += 1;
    const grant = granted[next];
    return grant === undefined ? [] : [grant - instant];
  });
}

/**
 * Grants to somebody who had asked more than `marginUs` after another who was granted only later. The margin is for
 * what calls do not tell: the order in which requests reach the server.
 */
export function overtakes(holds: readonly Hold[], marginUs: number): number {
  let earliestStillWaiting = Number.POSITIVE_INFINITY;
  let count = 0;
  for (const { asked } of byGrant(holds).reverse()) {
    if (earliestStillWaiting + marginUs < asked) count += 1;
    earliestStillWaiting = Math.min(earliestStillWaiting, asked);
  }
  return count;
}

export function waits(holds: readonly Hold[]): number[] {
  return holds.map(({ asked, granted }) => granted - asked);
}

/** The longest wait, over the time in which each of the `workers` could have had the lock once. */
export function longestWaitOverShare(holds: readonly Hold[], workers: number): number {
  const ordered = byGrant(holds);
  const first = ordered[0];
  const last = ordered.at(-1);
  if (!first || !last) return Number.NaN;
  const turn = (last.released - first.asked) / holds.length;
  return Math.max(...waits(holds)) / (turn * Math.min(workers, holds.length));
}
